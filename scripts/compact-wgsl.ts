import { readFile } from 'node:fs/promises'
import type { Plugin } from 'vite'

/**
 * WGSL text without comments, indentation and blank lines. Line breaks stay: template directives need a line of
 * their own. Space stays around `-`, `*` and `/` and between `>` and `=`: `- -x`, `a / *p` and `vec2<f32> = x` mean
 * something else without it.
 */
export function compactText(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, ' ')
    .replace(/\/\/.*$/gm, '')
    .split('\n')
    .map((line) => {
      const trimmed = line.trim().replace(/\s+/g, ' ')
      return trimmed.startsWith('#') ? trimmed : trimmed.replace(/ ?([,;:{}()]) ?/g, '$1').replace(/(?<!>) ?= ?/g, '=')
    })
    .filter((line) => line !== '')
    .join('\n')
}

/** Strips shaders that are imported with `?raw` in production builds. */
export function compactWgsl(): Plugin {
  return {
    name: 'compact-wgsl',
    apply: 'build',
    enforce: 'pre',
    async load(id) {
      if (!id.endsWith('.wgsl?raw')) return null
      const text = await readFile(id.slice(0, -'?raw'.length), 'utf8')
      return `export default ${JSON.stringify(compactText(text))}`
    },
  }
}
