import { describe, expect, test } from 'vitest'
import { parseHeader, type WgslHeader } from '../../src/gpu/wgsl-interface.ts'
import { cycles, layerFaults } from './layers.ts'
import { importsOf, listFiles, readText } from './sources.ts'

const sources = listFiles('.ts', '.mts', '.mjs').filter((file) => !file.includes('/fixtures/'))
const imports = sources.flatMap((file) => importsOf(file, readText(file)))

describe('imports', () => {
  test('are found in every form', () => {
    const text = [
      "import { a } from './a.ts'",
      "import type { T } from './t.ts'",
      "import text from '../shaders/x.wgsl?raw'",
      "export * from './b.ts'",
      'export {',
      '  c,',
      "} from './c.ts'",
      "import './d.ts'",
      "const e = await import('./e.ts')",
      "// import { f } from './f.ts'",
      "const g = 'import'",
    ].join('\n')
    const found = importsOf('src/x.ts', text).map(({ to, isType }) => `${to}${isType ? ' type' : ''}`)
    expect(found).toEqual([
      'src/a.ts',
      'src/t.ts type',
      'shaders/x.wgsl',
      'src/b.ts',
      'src/c.ts',
      'src/d.ts',
      'src/e.ts',
    ])
  })

  test('that point up, out of the house or to internals are faults', () => {
    const from = (file: string, text: string): string[] => layerFaults(importsOf(file, text))
    expect(from('src/gpu/a.ts', "import '../graph/b.ts'")).toHaveLength(1)
    expect(from('src/nn/a.ts', "import '../gpu/b.ts'")).toHaveLength(1)
    expect(from('src/nn/a.ts', "import '../ops/b.ts'")).toHaveLength(0)
    expect(from('demos/a.ts', "import '../src/graph/b.ts'")).toHaveLength(1)
    expect(from('demos/a.ts', "import '../src/index.ts'")).toHaveLength(1)
    expect(from('demos/a.ts', "import '../tests/b.ts'")).toHaveLength(1)
    expect(from('demos/digits/a.ts', "import '../../bench/b.ts'")).toHaveLength(1)
    expect(from('demos/bench/a.ts', "import '../../bench/b.ts'")).toHaveLength(0)
    expect(from('demos/bench/a.ts', "import '../../src/index.ts'")).toHaveLength(1)
    expect(from('demos/a.ts', "import 'wgrad/graph'")).toHaveLength(1)
    expect(from('demos/a.ts', "import 'wgrad/nn/module'")).toHaveLength(1)
    expect(from('demos/a.ts', "import 'wgrad/nn'\nimport 'wgrad'\nimport 'uplot'\nimport './b.ts'")).toHaveLength(0)
    expect(from('src/data/a.ts', "import 'node:fs'")).toHaveLength(1)
    expect(from('src/graph/a.ts', "import 'lodash'")).toHaveLength(1)
    expect(from('src/odd/a.ts', "import '../errors.ts'")).toHaveLength(1)
    expect(from('src/nn/a.ts', "import text from '../../shaders/x.wgsl?raw'")).toHaveLength(1)
  })

  test('point down', () => {
    expect(layerFaults(imports)).toEqual([])
  })

  test('have no cycles', () => {
    const ring = [...importsOf('src/a.ts', "import './b.ts'"), ...importsOf('src/b.ts', "import './a.ts'")]
    expect(cycles(ring)).toEqual(['src/a.ts -> src/b.ts -> src/a.ts'])
    expect(cycles(imports)).toEqual([])
  })
})

describe('files', () => {
  test('have at most 400 lines', () => {
    const long = listFiles('.ts', '.mjs', '.wgsl', '.css', '.html').flatMap((file) => {
      const lines = readText(file).split('\n').length - 1
      return lines > 400 ? [`${file}: ${lines} lines`] : []
    })
    expect(long).toEqual([])
  })

  test('are named in lower case', () => {
    expect(listFiles('.ts', '.mjs', '.wgsl').filter((file) => /[A-Z]/.test(file))).toEqual([])
  })
})

interface Declared {
  name: string
  access: string
  binding: number
  type: string
}

/** Storage bindings of a shader file as written, in every branch of its directives. */
function storageBindings(text: string): Declared[] {
  const binding = /@group\(0\)\s*@binding\((\d+)\)\s*var\s*<\s*storage\s*(?:,\s*(\w+)\s*)?>\s*(\w+)\s*:\s*([^;]+);/g
  const code = text.replace(/\/\/.*$/gm, '')
  return [...code.matchAll(binding)]
    .map(([, at, access = 'read', name = '', type = '']) => ({ name, access, binding: Number(at), type }))
    .sort((a, b) => a.binding - b.binding)
}

/** Whether a buffer of this type has elements of the dtype, which may be the name of a parameter, alone or by four. */
function holds(type: string, dtype: string): boolean {
  const element = type.replace(/^array<(.*?)(, [^,<>]*)?>$/, '$1').replace(/^vec4<(.*)>$/, '$1')
  return element === dtype || element === `\${${dtype}}`
}

/** What a shader's header says otherwise than its code. */
function headerFaults(file: string, text: string): string[] {
  const code = text.replace(/\/\/.*$/gm, '')
  const faults: string[] = []
  let header: WgslHeader
  try {
    header = parseHeader(text)
  } catch (error) {
    return [`${file}: ${(error as Error).message}`]
  }
  const name = file.split('/').at(-1)
  if (header.file !== name) faults.push(`${file}: the header names ${header.file}`)
  if (!/@compute\b/.test(code)) return faults
  const bindings = storageBindings(text)
  const written = (code.match(/@binding\(/g) ?? []).length
  const uniforms = (code.match(/var\s*<\s*uniform\s*>/g) ?? []).length
  if (written !== bindings.length + uniforms) {
    faults.push(`${file}: ${written} bindings, of which ${bindings.length} storage and ${uniforms} uniform can be read`)
  }
  const listed = header.buffers.map((buffer) => buffer.name)
  const bound = [...new Set(bindings.map((each) => each.name))]
  const isConditional = /^\s*#if\b/m.test(code)
  const order = (names: readonly string[]): string => (isConditional ? [...names].sort() : names).join(', ')
  if (order(listed) !== order(bound)) {
    faults.push(`${file}: the header lists (${listed.join(', ')}), the code binds (${bound.join(', ')})`)
  }
  for (const buffer of header.buffers) {
    const wrong = bindings.find(
      (each) => each.name === buffer.name && (each.access === 'read') !== (buffer.access === 'read'),
    )
    if (wrong) faults.push(`${file}: ${buffer.name} is ${buffer.access} in the header and ${wrong.access} in the code`)
    const other = bindings.find((each) => each.name === buffer.name && !holds(each.type, buffer.dtype))
    if (other) faults.push(`${file}: ${buffer.name} is ${buffer.dtype} in the header and ${other.type} in the code`)
  }
  if (!/^\/\/ Dispatch:/m.test(text)) faults.push(`${file}: the header has no line 'Dispatch:'`)
  return faults
}

describe('shader headers', () => {
  const shader = [
    '// scale.wgsl: multiply.',
    '//',
    '//   x  [n]  f32  read',
    '//   y  [n]  f32  write',
    '//',
    '// Dispatch: one thread per element.',
    '@group(0) @binding(0) var<storage, read> x: array<f32>;',
    '@group(0) @binding(1) var<storage, read_write> y: array<f32>;',
    '@compute @workgroup_size(64) fn main() {}',
  ].join('\n')

  test('that disagree with the code are noticed', () => {
    const faults = (text: string): number => headerFaults('shaders/a/scale.wgsl', text).length
    expect(faults(shader)).toBe(0)
    expect(faults(shader.replace('// scale', '// scales'))).toBe(1)
    expect(faults(shader.replace('f32  write', 'f32  read'))).toBe(1)
    expect(faults(shader.replace('binding(0)', 'binding(2)'))).toBe(1)
    expect(faults(shader.replace('> x:', '> a:'))).toBe(1)
    expect(faults(shader.replace('x: array<f32>', 'x: array<f16>'))).toBe(1)
    expect(faults(shader.replace('x: array<f32>', 'x: array<${X_TYPE}>').replace('[n]  f32', '[n]  X_TYPE'))).toBe(0)
    expect(faults(shader.replace('x: array<f32>', 'x: array<vec4<f32>>'))).toBe(0)
    expect(faults(shader.replace('x: array<f32>', 'x: array<vec4<f32>, 4>'))).toBe(0)
    expect(faults(shader.replace('// Dispatch', '// Grid'))).toBe(1)
  })

  test('agree with the code', () => {
    expect(listFiles('.wgsl').flatMap((file) => headerFaults(file, readText(file)))).toEqual([])
  })
})
