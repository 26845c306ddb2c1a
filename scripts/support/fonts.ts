import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * A fontconfig file for a browser that was unpacked into `folder`, whose own one names places of another machine: the fonts
 * that came with it, and the system's for what those lack. Without any, a page has no text, and some controls crash it.
 */
export function fontsFile(folder: string): string {
  const file = join(folder, 'fonts', 'here.conf')
  if (existsSync(file)) return file
  const aliases = ['sans-serif', 'system-ui'].map(
    (family) => `<alias binding="same"><family>${family}</family><prefer><family>Open Sans</family></prefer></alias>`,
  )
  const part = `${file}.${crypto.randomUUID()}`
  writeFileSync(
    part,
    `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${join(folder, 'fonts', 'fonts')}</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir>${join(tmpdir(), 'wgrad-fonts')}</cachedir>
  ${aliases.join('\n  ')}
</fontconfig>
`,
  )
  renameSync(part, file)
  return file
}
