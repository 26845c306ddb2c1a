import { WgradError } from '../errors.ts'

/** How a shader reaches a buffer. */
export type Access = 'read' | 'read_write' | 'uniform'

/** One `@group @binding` variable of a shader. */
export interface Binding {
  readonly group: number
  readonly binding: number
  readonly name: string
  readonly access: Access
  readonly type: string
}

/** What a shader shows to its host: bindings sorted by group and binding, and the workgroup of its entry point. */
export interface WgslInterface {
  readonly bindings: readonly Binding[]
  readonly workgroupSize: readonly [x: number, y: number, z: number]
  readonly entry: 'main'
}

/** One buffer line of a shader's header: `name [shape] dtype access`. */
export interface HeaderBuffer {
  readonly name: string
  readonly shape: string
  readonly dtype: string
  readonly access: 'read' | 'write' | 'read_write'
}

/** The header comment of a shader: its file name, one-line summary and buffers in the order listed. */
export interface WgslHeader {
  readonly file: string
  readonly summary: string
  readonly buffers: readonly HeaderBuffer[]
}

const BINDING = /@group\((\d+)u?\)\s*@binding\((\d+)u?\)\s*var\s*<([^>]*)>\s*(\w+)\s*:\s*([^;]+);/g
const HEADER_BUFFER = /^\s{2,}(\w+)\s+(\[.*?\])\s+(\w+)\s+(read|write|read_write)(?=\s|$)/

function withoutComments(wgsl: string): string {
  return wgsl.replace(/\/\/.*$/gm, '').replace(/\/\*[\s\S]*?\*\//g, '')
}

function accessOf(space: string, name: string): Access {
  const parts = space.split(',').map((part) => part.trim())
  if (parts[0] === 'uniform') return 'uniform'
  const access = parts[1] ?? 'read'
  if (parts[0] === 'storage' && (access === 'read' || access === 'read_write')) return access
  throw new WgradError(`interface: ${name} is var<${space}>; a binding is uniform, or storage with read or read_write`)
}

/**
 * Reads the bindings and the workgroup of rendered WGSL. The text must hold `@compute @workgroup_size(...) fn main`
 * with literal sizes (counted in invocations).
 */
export function parseInterface(wgsl: string): WgslInterface {
  const text = withoutComments(wgsl)
  const bindings = [...text.matchAll(BINDING)].map(([, group, binding, space = '', name = '', type = '']): Binding => {
    return {
      group: Number(group),
      binding: Number(binding),
      name,
      access: accessOf(space, name),
      type: type.trim().replace(/\s+/g, ' '),
    }
  })
  const declared = text.match(/@binding\b/g)?.length ?? 0
  if (declared !== bindings.length) {
    throw new WgradError(
      `interface: ${declared} @binding attributes but ${bindings.length} can be read; ` +
        'write @group(0) @binding(0) var<storage, read> name: type;',
    )
  }
  bindings.sort((a, b) => a.group - b.group || a.binding - b.binding)
  for (const [i, { group, binding, name }] of bindings.entries()) {
    const before = bindings[i - 1]
    if (before !== undefined && before.group === group && before.binding === binding) {
      throw new WgradError(`interface: ${before.name} and ${name} both take binding ${binding}; number them apart`)
    }
  }
  const entry = /@workgroup_size\(([^)]*)\)\s*fn\s+(\w+)/.exec(text)
  if (entry?.[2] !== 'main' || !/@compute\b/.test(text)) {
    throw new WgradError('interface: no entry point; the shader needs @compute @workgroup_size(...) fn main')
  }
  const sizes = (entry[1] ?? '')
    .split(',')
    .map((size) => size.trim())
    .filter((size) => size !== '')
  if (sizes.length === 0 || sizes.length > 3 || sizes.some((size) => !/^\d+[ui]?$/.test(size))) {
    throw new WgradError(`interface: workgroup_size(${entry[1] ?? ''}) must be one to three literal integers`)
  }
  const [x = 1, y = 1, z = 1] = sizes.map((size) => Number.parseInt(size, 10))
  return { bindings, workgroupSize: [x, y, z], entry: 'main' }
}

/**
 * Reads the comment block that opens a `.wgsl` file: `// name.wgsl: summary` and the buffer lines
 * `//   name  [shape]  dtype  read|write|read_write`.
 */
export function parseHeader(text: string): WgslHeader {
  const lines: string[] = []
  for (const line of text.split(/\r?\n/)) {
    if (!line.startsWith('//')) break
    lines.push(line.slice(2))
  }
  const [, file, summary] = /^ (\w+\.wgsl): (\S.*)$/.exec(lines[0] ?? '') ?? []
  if (file === undefined || summary === undefined) {
    throw new WgradError(
      `header: the first line is '${text.split(/\r?\n/)[0] ?? ''}'; it must be // name.wgsl: summary`,
    )
  }
  const buffers: HeaderBuffer[] = []
  for (const line of lines) {
    const [, name, shape, dtype, access] = HEADER_BUFFER.exec(line) ?? []
    if (name === undefined || shape === undefined || dtype === undefined) continue
    if (access === 'read' || access === 'write' || access === 'read_write') buffers.push({ name, shape, dtype, access })
  }
  return { file, summary, buffers }
}
