import { expect, test } from 'vitest'
import { compactText } from '../../scripts/compact-wgsl.ts'
import { listFiles, readText } from './sources.ts'

test('comments and needless space go, tokens stay apart', () => {
  const text = [
    '// a.wgsl: header.',
    '',
    '@compute @workgroup_size(${THREADS}, 1)',
    'fn main(  @builtin(x) id : vec3<u32> ) { // note',
    '  /* block',
    '     comment */',
    '  var sum: vec2<f32> = vec2<f32>( 0.0 );',
    '  let y = a - -b / *p;',
    '  if (id.x >= 4u) { return; }',
    '}',
  ].join('\n')
  expect(compactText(text)).toBe(
    [
      '@compute @workgroup_size(${THREADS},1)',
      'fn main(@builtin(x)id:vec3<u32>){',
      'var sum:vec2<f32> =vec2<f32>(0.0);',
      'let y=a - -b / *p;',
      'if(id.x >= 4u){return;}',
      '}',
    ].join('\n'),
  )
})

test('directives keep a line and their text', () => {
  const text = '  #if MASKED && N > 1\n  x = 1;\n  #else\n  #for i in 0 .. N\n  y = ${i};\n  #endfor\n  #endif'
  const lines = compactText(text).split('\n')
  expect(lines).toEqual(['#if MASKED && N > 1', 'x=1;', '#else', '#for i in 0 .. N', 'y=${i};', '#endfor', '#endif'])
})

test('every shader keeps its code', () => {
  const bare = (text: string): string =>
    text
      .replace(/\/\/.*$/gm, '')
      .replace(/\/\*[\s\S]*?\*\//g, '')
      .replace(/\s+/g, '')
  for (const file of listFiles('.wgsl')) expect(bare(compactText(readText(file))), file).toBe(bare(readText(file)))
})
