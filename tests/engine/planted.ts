import { defineKernel } from '../../src/gpu/kernel.ts'
import type { KernelCall, KernelOp, Variant } from '../../src/graph/op.ts'
import { call1 } from '../../src/graph/tensor.ts'
import { type Spec, specBytes } from '../../src/graph/value.ts'
import type { Tensor } from '../../src/index.ts'
import { numel } from '../../src/shape.ts'

/** What is planted into a kernel that doubles its input. Slow ones are so by more than a busy machine adds to a dispatch. */
export type Plant =
  | 'sound'
  | 'slow'
  | 'slower'
  | 'lastWrong'
  | 'allWrong'
  | 'notFinite'
  | 'silent'
  | 'broken'
  | 'throwing'
  | 'tooWide'

const text = `
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(\${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.x;
  if (i >= \${N}) {
    return;
  }
  var value = x[i];
  for (var turn = 0u; turn < \${TURNS}; turn += 1u) {
    value = sin(value);
  }
  \${STORE}
}
`

const kernel = defineKernel('planted.wgsl', text, { N: 'u32', TURNS: 'u32', THREADS: 'int', STORE: 'code' }, [
  'x',
  'y: read_write',
])

const right = 'y[i] = 2.0 * x[i] + select(0.0, 1.0, value > 3.0);'
const stores: Partial<Record<Plant, string>> = {
  lastWrong: 'y[i] = select(2.0, 2.1, i == ${N}) * x[i];',
  allWrong: 'y[i] = 2.01 * x[i];',
  notFinite: 'y[i] = bitcast<f32>(bitcast<u32>(x[i]) | 0x7fc00000u);',
  silent: 'value = 0.0;',
  broken: 'y[i] = nothing;',
}

function callsOf(plant: Plant, [x]: readonly Spec[]): readonly KernelCall[] {
  if (plant === 'throwing') throw new Error('planted: the dispatches cannot be written')
  const n = numel((x as Spec).shape)
  const store = (stores[plant] ?? right).replace('${N}', `${n - 1}u`)
  const turns = { slow: 20_000, slower: 40_000 }[plant as string] ?? 0
  const threads = plant === 'tooWide' ? 100_000 : 64
  return [
    {
      kernel,
      params: { N: n, TURNS: turns, THREADS: threads, STORE: store },
      bindings: { x: { input: 0 }, y: { output: 0 } },
      grid: [Math.ceil(n / threads), 1, 1],
      flops: n,
      bytes: 8 * n,
    },
  ]
}

/** An op that doubles, with kernels of which some are slow and some are wrong; the first is the default. */
export function plantedOp(name: string, plants: readonly Plant[]): KernelOp<'x'> {
  return {
    kind: 'kernel',
    name,
    inputs: ['x'],
    infer: ([x]) => [x as Spec],
    variants: ({ inputs }) => plants.map((plant): Variant => ({ name: plant, calls: () => callsOf(plant, inputs) })),
    cost: ([x]) => ({ flops: numel((x as Spec).shape), bytes: 2 * specBytes(x as Spec) }),
    backward: null,
    saves: [],
  }
}

/** A function that calls a planted op. */
export function planted(...plants: Plant[]): (x: Tensor) => Tensor {
  const op = plantedOp('planted', plants)
  return (x) => call1(op, [x], {})
}
