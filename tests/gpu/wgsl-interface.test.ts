import { expect, test } from 'vitest'
import { parseHeader, parseInterface } from '../../src/gpu/wgsl-interface.ts'

const shader = `// scale.wgsl: multiply by a number.
//
//   y[i] = x[i] * params.factor
//
//   x  [n]  f32  read
//   y  [n, 4 * k]  f32  write
//
// Dispatch: grid (ceil(n / 64), 1, 1).
struct Params { factor: f32 }
@group(0) @binding(2) var<uniform> params: Params;
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1)
var<storage, read_write> y: array<f32>;
// @group(0) @binding(3) var<storage, read> gone: array<f32>;
@compute @workgroup_size(64, 2)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {}
`

test('bindings come in binding order, with access and type', () => {
  const { bindings, workgroupSize, entry } = parseInterface(shader)
  expect(bindings).toEqual([
    { group: 0, binding: 0, name: 'x', access: 'read', type: 'array<vec4<f32>>' },
    { group: 0, binding: 1, name: 'y', access: 'read_write', type: 'array<f32>' },
    { group: 0, binding: 2, name: 'params', access: 'uniform', type: 'Params' },
  ])
  expect(workgroupSize).toEqual([64, 2, 1])
  expect(entry).toBe('main')
})

test('two variables on one binding are an error', () => {
  expect(() => parseInterface(shader.replace('@binding(1)', '@binding(0)'))).toThrow(
    'interface: x and y both take binding 0; number them apart',
  )
})

test('a binding that cannot be read is an error, not a gap', () => {
  expect(() => parseInterface(shader.replace('@group(0) @binding(0)', '@group(0) @binding(N)'))).toThrow(
    'interface: 3 @binding attributes but 2 can be read',
  )
})

test('an entry point with another name or a workgroup without literal sizes is an error', () => {
  expect(() => parseInterface(shader.replace('fn main', 'fn go'))).toThrow('interface: no entry point')
  expect(() => parseInterface(shader.replace('64, 2', 'W'))).toThrow(
    'interface: workgroup_size(W) must be one to three literal integers',
  )
})

test('the header gives file, summary and buffers in order', () => {
  expect(parseHeader(shader)).toEqual({
    file: 'scale.wgsl',
    summary: 'multiply by a number.',
    buffers: [
      { name: 'x', shape: '[n]', dtype: 'f32', access: 'read' },
      { name: 'y', shape: '[n, 4 * k]', dtype: 'f32', access: 'write' },
    ],
  })
})

test('a file without a header line is an error', () => {
  expect(() => parseHeader('struct Params {}')).toThrow(
    "header: the first line is 'struct Params {}'; it must be // name.wgsl: summary",
  )
})
