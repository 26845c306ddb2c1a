import { renderTemplate } from '../../../src/gpu/template.ts'
import type { DeviceTraits, KernelCall, KernelOp, Variant } from '../../../src/graph/op.ts'
import type { Attrs, Spec } from '../../../src/graph/value.ts'
import { convForwardOp, convInputGradOp, convWeightGradOp } from '../../../src/ops/conv.ts'
import { matmulOp } from '../../../src/ops/matmul.ts'
import { sumOp } from '../../../src/ops/reduce.ts'

/** A piece of work whose kernels are listed. */
interface Work {
  readonly label: string
  readonly inputs: readonly Spec[]
  readonly attrs: Attrs
}

/** An op and the sizes at which it is looked at. */
interface Family {
  readonly title: string
  readonly op: KernelOp
  readonly works: readonly Work[]
}

/** One dispatch of a variant, as far as its shader tells. */
export interface DispatchFacts {
  readonly kernel: string
  readonly workgroup: readonly number[]
  readonly sharedBytes: number
  readonly registers: number
}

/** A variant and the sizes at which it is taken when nothing has been measured. */
export interface VariantFacts {
  readonly name: string
  readonly dispatches: readonly DispatchFacts[]
  readonly onGpu: readonly string[]
  readonly onSoftware: readonly string[]
}

/** The variants of an op. */
export interface FamilyFacts {
  readonly title: string
  readonly works: readonly string[]
  readonly variants: readonly VariantFacts[]
}

const f32 = (...shape: number[]): Spec => ({ shape, dtype: 'f32' })

function product(m: number, k: number, n: number, form = 'NN', sums = false): Work {
  const [transA, transB] = [form[0] === 'T', form[1] === 'T']
  return {
    label: `${m} x ${k} x ${n}${form === 'NN' ? '' : ` ${form}`}${sums ? ' with sums' : ''}`,
    inputs: [transA ? f32(k, m) : f32(m, k), transB ? f32(n, k) : f32(k, n)],
    attrs: { transA, transB, ...(sums ? { sums } : {}) },
  }
}

const convSizes: readonly (readonly [batch: number, size: number, from: number, to: number, kernel: number])[] = [
  [8, 32, 3, 64, 3],
  [1, 56, 64, 64, 3],
  [8, 14, 256, 256, 3],
  [8, 14, 256, 256, 1],
]

function convWorks(
  inputs: (x: Spec, w: Spec, y: Spec) => Spec[],
  size?: (x: Spec, w: Spec) => readonly number[],
): Work[] {
  return convSizes.map(([batch, side, from, to, kernel]) => {
    const x = f32(batch, side, side, from)
    const w = f32(to, kernel, kernel, from)
    const padding = (kernel - 1) / 2
    const windows = { stride: [1, 1], padding: [padding, padding], dilation: [1, 1], groups: 1 }
    return {
      label: `${kernel}x${kernel} ${side}x${side} ${from} to ${to}, batch ${batch}`,
      inputs: inputs(x, w, f32(batch, side, side, to)),
      attrs: size ? { ...windows, size: size(x, w) } : windows,
    }
  })
}

const families: readonly Family[] = [
  {
    title: 'Matrix products (rows x depth x columns)',
    op: matmulOp as unknown as KernelOp,
    works: [
      ...[64, 256, 512, 1024, 2048, 4096].map((n) => product(n, n, n)),
      product(512, 512, 512, 'NT'),
      product(512, 512, 512, 'TN'),
      product(64, 784, 256, 'NT'),
      product(256, 64, 784, 'TN', true),
      product(256, 8192, 256, 'TN', true),
      product(64, 8192, 32),
      product(1, 1024, 1024),
      product(1, 4096, 4096, 'NT'),
      product(4096, 512, 2),
      product(8, 4, 8),
    ],
  },
  {
    title: 'Convolutions',
    op: convForwardOp as unknown as KernelOp,
    works: convWorks((x, w) => [x, w]),
  },
  {
    title: "Gradients of convolutions' images",
    op: convInputGradOp as unknown as KernelOp,
    works: convWorks(
      (_, w, y) => [y, w],
      (x) => x.shape.slice(1, 3),
    ),
  },
  {
    title: "Gradients of convolutions' weights",
    op: convWeightGradOp as unknown as KernelOp,
    works: convWorks(
      (x, _, y) => [x, y],
      (_, w) => w.shape.slice(1, 3),
    ),
  },
  {
    title: 'Sums',
    op: sumOp as unknown as KernelOp,
    works: (
      [
        [1024, 1024, 1],
        [1024, 1024, 0],
        [64, 10, 1],
        [8192, 64, 0],
      ] as const
    ).map(([rows, columns, axis]) => ({
      label: `[${rows}, ${columns}] over axis ${axis}`,
      inputs: [f32(rows, columns)],
      attrs: { axes: [axis], keepdim: false },
    })),
  },
]

/** A device with WebGPU's default limits. */
const traits = (software: boolean): DeviceTraits => ({
  software,
  maxBuffers: 8,
  maxBindingBytes: 2 ** 27,
  maxWorkgroupBytes: 16384,
  maxInvocations: 256,
  quads: true,
})

function variantsOf({ op }: Family, { inputs, attrs }: Work, software: boolean): readonly Variant[] {
  const outputs = op.infer(inputs, attrs as never)
  const more = attrs.sums ? [...outputs, outputs[0] as Spec] : outputs
  return op.variants?.({ inputs, outputs: more, attrs: attrs as never, device: traits(software) }) ?? []
}

const sizeOf: Readonly<Record<string, number>> = { 'vec4<f32>': 4, 'vec2<f32>': 2, Acc: 1, f32: 1 }

/** Reads workgroup, shared memory and registers off the shader. */
function dispatchFacts({ kernel, params }: KernelCall): DispatchFacts {
  const { paramTypes } = kernel.template
  const open = Object.entries(paramTypes).filter(([name]) => params[name] === undefined)
  const filled = open.map(([name, type]) => [name, type === 'type' ? 'f32' : ''])
  const text = renderTemplate(kernel.template, { ...params, ...Object.fromEntries(filled) })
  const workgroup = /@workgroup_size\(([^)]+)\)/.exec(text)?.[1] ?? ''
  const shared = [...text.matchAll(/var<workgroup> \w+: array<([\w<>]+), (\d+)u?>/g)]
  const sums = [...text.matchAll(/^ +var \w+(?:: ([\w<>]+))? = (0\.0|vec4<f32>|identity|\w+\()/gm)]
  const step = ['TM', 'TN'].reduce((sum, name) => sum + Number(params[name] ?? 0), 0)
  return {
    kernel: kernel.name,
    workgroup: workgroup.split(',').map((n) => Number.parseInt(n, 10)),
    sharedBytes: shared.reduce((sum, [, type, count]) => sum + 4 * (sizeOf[type as string] ?? 1) * Number(count), 0),
    registers: step + sums.reduce((sum, [, type, from]) => sum + (sizeOf[type ?? (from as string)] ?? 1), 0),
  }
}

/** Asks the declarations for the variants at all sizes, on both kinds of device. */
export function surveyKernels(): FamilyFacts[] {
  return families.map((family) => {
    const found = new Map<string, { dispatches: DispatchFacts[]; onGpu: string[]; onSoftware: string[] }>()
    for (const work of family.works) {
      for (const software of [false, true]) {
        variantsOf(family, work, software).forEach((variant, i) => {
          let facts = found.get(variant.name)
          if (!facts) {
            facts = { dispatches: variant.calls().map(dispatchFacts), onGpu: [], onSoftware: [] }
            found.set(variant.name, facts)
          }
          if (i === 0) facts[software ? 'onSoftware' : 'onGpu'].push(work.label)
        })
      }
    }
    const variants = [...found].map(([name, facts]) => ({ name, ...facts }))
    return {
      title: family.title,
      works: family.works.map((w) => w.label),
      variants: variants.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true })),
    }
  })
}
