// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are shader templates
import { expect, test } from 'vitest'
import { defineTemplate, type ParamTypes, type ParamValue, renderTemplate } from '../../src/gpu/template.ts'

function render(text: string, types: ParamTypes, params: Record<string, ParamValue>): string {
  return renderTemplate(defineTemplate('shaders/x.wgsl', text, types), params)
}

test('values print by their declared type', () => {
  const types = { U: 'u32', I: 'i32', J: 'i32', F: 'f32', G: 'f32', N: 'int', T: 'type', C: 'code', B: 'flag' } as const
  const text = '${U} ${I} ${J} ${F} ${G} ${N} ${T} ${C} ${B}'
  const params = { U: 16, I: -1, J: 3, F: 1e-7, G: -2, N: 8, T: 'vec4<f32>', C: 'a + b', B: true }
  expect(render(text, types, params)).toBe('16u (-1i) 3i f32(1e-7) f32(-2.0) 8 vec4<f32> a + b true')
})

test('f32 values survive printing', () => {
  const read = (value: number): string => render('${F}', { F: 'f32' }, { F: value })
  expect(read(0.1)).toBe('f32(0.1)')
  expect(read(-0)).toBe('f32(-0.0)')
  expect(read(3e20)).toBe('f32(300000000000000000000.0)')
  expect(read(1e21)).toBe('f32(1e+21)')
})

test('expressions print bare integers', () => {
  const types = { M: 'u32', N: 'int' } as const
  expect(render('${M * 4 + N} ${(M + 1) / 2} ${M % 3} ${N - M} ${-N}', types, { M: 9, N: 2 })).toBe('38 5 0 (-7) (-2)')
})

test('conditions: flags, negation, comparisons, elif, else, and, or', () => {
  const text = `#if FAST && N > 4
fast
#elif !FAST || N == 4
slow
#else
rest
#endif
end`
  const types = { FAST: 'flag', N: 'int' } as const
  expect(render(text, types, { FAST: true, N: 5 })).toBe('fast\nend')
  expect(render(text, types, { FAST: false, N: 9 })).toBe('slow\nend')
  expect(render(text, types, { FAST: true, N: 4 })).toBe('slow\nend')
  expect(render(text, types, { FAST: true, N: 3 })).toBe('rest\nend')
})

test('adjacent and nested blocks leave their text as it was written', () => {
  const text = `a # not a directive
#if P
  #if Q
    b // see #if
  #else
  #endif
#endif
#if Q
c
#endif
d
`
  expect(render(text, { P: 'flag', Q: 'flag' }, { P: true, Q: true })).toBe(
    'a # not a directive\n    b // see #if\nc\nd\n',
  )
  expect(render(text, { P: 'flag', Q: 'flag' }, { P: true, Q: false })).toBe('a # not a directive\nd\n')
})

test('loops repeat their text; inner bounds and conditions read the outer variable', () => {
  const text = `#for I in 0..TM
#for J in I..TM - 0
#if I != J
m\${I}_\${J} = a[\${I * TM + J}];
#endif
#endfor
#endfor`
  expect(render(text, { TM: 'int' }, { TM: 3 })).toBe('m0_1 = a[1];\nm0_2 = a[2];\nm1_2 = a[5];')
  expect(render(text, { TM: 'int' }, { TM: 0 })).toBe('')
})

test('a branch not taken is not expanded', () => {
  const text = '#if N > 0\n${8 / N}\n#else\nnone\n#endif'
  expect(render(text, { N: 'int' }, { N: 0 })).toBe('none')
  expect(render(text, { N: 'int' }, { N: 2 })).toBe('4')
})

test('includes come once each and share the parameters', () => {
  const includes = { 'lib/a.wgsl': '#include "lib/b.wgsl"\nfn a() -> u32 { return ${N}; }', 'lib/b.wgsl': 'fn b() {}' }
  const text = '#include "lib/b.wgsl"\n#include "lib/a.wgsl"\n#include "lib/a.wgsl"\nend'
  const template = defineTemplate('shaders/x.wgsl', text, { N: 'u32' }, includes)
  expect(renderTemplate(template, { N: 7 })).toBe('fn b() {}\nfn a() -> u32 { return 7u; }\nend')
})

test('includes: an unknown name and a cycle are errors', () => {
  expect(() => defineTemplate('shaders/x.wgsl', '\n#include "lib/c.wgsl"', {}, { 'lib/a.wgsl': '' })).toThrow(
    'shaders/x.wgsl:2: there is no "lib/c.wgsl" to include (known: lib/a.wgsl)',
  )
  const includes = { 'lib/a.wgsl': '#include "lib/b.wgsl"', 'lib/b.wgsl': '\n\n#include "lib/a.wgsl"' }
  expect(() => defineTemplate('shaders/x.wgsl', '#include "lib/a.wgsl"', {}, includes)).toThrow(
    'shaders/lib/b.wgsl:3: include cycle x.wgsl -> lib/a.wgsl -> lib/b.wgsl -> lib/a.wgsl',
  )
})

const malformed: readonly [text: string, types: ParamTypes, message: string][] = [
  ['\n${TYPO}', { TILE: 'u32', N: 'u32' }, 'shaders/x.wgsl:2: ${TYPO} is not a declared parameter (declared: TILE, N)'],
  ['#if TYPO > 2\n#endif', {}, 'shaders/x.wgsl:1: ${TYPO} is not a declared parameter (declared: none)'],
  ['a', { TILE: 'u32' }, 'shaders/x.wgsl: TILE is declared but the text never uses it; remove it'],
  ['#if A\n#else if B', { A: 'flag', B: 'flag' }, "shaders/x.wgsl:2: '#else if B' is not a directive; write #elif"],
  [
    '#if A\n#endif;',
    { A: 'flag' },
    "shaders/x.wgsl:2: '#endif;' is not a directive; directives are #if, #elif, #else, #endif, #for, #endfor and " +
      '#include, alone on their line',
  ],
  ['#if A', { A: 'flag' }, 'shaders/x.wgsl:1: #if A is never closed by #endif'],
  ['#for I in 0..4\n#endif', {}, 'shaders/x.wgsl:2: #endif does not belong to the #for of line 1'],
  ['#if A\n#else\n#elif A\n#endif', { A: 'flag' }, 'shaders/x.wgsl:3: #elif does not belong to the #if of line 1'],
  ['#endfor', {}, 'shaders/x.wgsl:1: #endfor closes nothing'],
  ['#for I to 4', {}, "shaders/x.wgsl:1: '#for I to 4' must be #for NAME in FROM..TO"],
  ['#for N in 0..4', { N: 'int' }, 'shaders/x.wgsl:1: the loop variable N is already a name here; choose another'],
  ['#if N\n#endif', { N: 'int' }, "shaders/x.wgsl:1: 'N' yields int; flag is needed here"],
  ['${E * 2}', { E: 'f32' }, 'shaders/x.wgsl:1: E is a f32 parameter; an expression takes integers and flags'],
  ['${N + }', { N: 'int' }, "shaders/x.wgsl:1: 'N +' ends too early"],
  ['${N $ 2}', { N: 'int' }, "shaders/x.wgsl:1: 'N $ 2' has an unexpected '$'"],
  ['${N', { N: 'int' }, "shaders/x.wgsl:1: '${' is not closed on its line"],
]

test.each(malformed)('%j with %j is refused', (text, types, message) => {
  expect(() => defineTemplate('shaders/x.wgsl', text, types)).toThrow(message)
})

const unfit: readonly [type: ParamTypes[string], value: ParamValue, message: string][] = [
  ['u32', -1, 'shaders/x.wgsl: P is -1; its type, u32, is an integer from 0 to 4294967295'],
  ['u32', 1.5, 'shaders/x.wgsl: P is 1.5; its type, u32, is an integer from 0 to 4294967295'],
  ['i32', 2 ** 31, 'shaders/x.wgsl: P is 2147483648; its type, i32, is an integer from -2147483647 to 2147483647'],
  ['f32', Number.NaN, 'shaders/x.wgsl: P is NaN; its type, f32, is a finite number within the f32 range'],
  ['f32', 1e39, 'shaders/x.wgsl: P is 1e+39; its type, f32, is a finite number within the f32 range'],
  ['flag', 'false', 'shaders/x.wgsl: P is "false"; its type, flag, is true or false'],
  ['code', '${X}', 'shaders/x.wgsl: P is "${X}"; its type, code, is WGSL text without ${ and directives'],
  ['type', 'f32;', 'shaders/x.wgsl: P is "f32;"; its type, type, is a WGSL type name'],
]

test.each(unfit)('a %s parameter refuses %j', (type, value, message) => {
  const template = defineTemplate('shaders/x.wgsl', '${P}', { P: type })
  expect(() => renderTemplate<ParamTypes>(template, { P: value })).toThrow(message)
})

test('missing and unknown parameters are named', () => {
  const template = defineTemplate('shaders/x.wgsl', '${TILE} ${N}', { TILE: 'u32', N: 'int' })
  expect(() => renderTemplate<ParamTypes>(template, { TILE: 4 })).toThrow(
    'shaders/x.wgsl: parameter N has no value; pass an integer',
  )
  expect(() => renderTemplate<ParamTypes>(template, { TILE: 4, N: 1, M: 2 })).toThrow(
    'shaders/x.wgsl: M is not a declared parameter (declared: TILE, N)',
  )
})

test('a loop that a wrong size would make endless is refused', () => {
  expect(() => render('\n#for I in 0..K\n#endfor', { K: 'int' }, { K: 100352 })).toThrow(
    'shaders/x.wgsl:2: the loop repeats its text 100352 times; at most 4096',
  )
})
