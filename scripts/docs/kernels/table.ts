import type { DispatchFacts, FamilyFacts, VariantFacts } from './survey.ts'

const introduction = `# Kernels

Written by \`npm run docs:kernels\` from the declarations; a test holds that it is current.

Products, convolutions and reductions can be done by several kernels. This page lists those that the declarations offer at
some sizes, on a device with WebGPU's default limits and subgroups. Which one runs is decided in this order: a pinned kernel, the one
that was measured to be the fastest ([tuning](guides/tuning.md)), and else the default of the last two columns.

- **threads**: of a workgroup. **registers**: numbers that a thread keeps: its sums, and the operands of one step.
  **shared bytes**: memory of a workgroup. Where there are several dispatches they stand in their order.
- Names say the sizes: \`tile-8x4-4x4\` are 8 x 4 outputs of a thread and 4 x 4 threads, rows first for outputs and columns first for
  threads; \`-k64\` that 64 threads share the sum of an output; \`quads-16x4-16\` are 16 x 4 outputs of a thread and 16 threads, each four
  of which swap what they load; \`shared-128x128x16-8x8\` are 128 x 128 outputs of a workgroup in steps of 16 through shared memory and
  8 x 8 outputs of a thread; \`-split8\` that the sum is cut into 8 parts, which a last dispatch adds up in order.
- A kernel is offered only where it is legal, its threads and shared memory being within the limits of the device, and
  where it may win: wide tiles for wide matrices, parts only where there are few tiles and each part is long. Edges of tiles
  are handled by every kernel; where tiles fit exactly, the shader has no checks.
- Products and convolutions through shared memory also give mean and variance of their outputs where BatchNorm follows in
  training and they are the default, as on GPUs: each workgroup those of its tile, which a dispatch or two combine in a fixed order.
`

const each = (dispatches: readonly DispatchFacts[], show: (d: DispatchFacts) => string): string =>
  [...new Set(dispatches.map(show))].length === 1
    ? show(dispatches[0] as DispatchFacts)
    : dispatches.map(show).join(', ')

function formatRow({ name, dispatches, onGpu, onSoftware }: VariantFacts): string {
  const cells = [
    `\`${name}\``,
    dispatches.map((d) => d.kernel).join(', '),
    each(dispatches, (d) => d.workgroup.join(' x ')),
    each(dispatches, (d) => String(d.registers)),
    each(dispatches, (d) => d.sharedBytes.toLocaleString('en')),
    onGpu.join('; ') || '–',
    onSoftware.join('; ') || '–',
  ]
  return `| ${cells.join(' | ')} |`
}

/** The text of docs/kernels.md. */
export function formatKernels(families: readonly FamilyFacts[]): string {
  const heads = ['variant', 'kernels', 'threads', 'registers', 'shared bytes', 'default on GPUs', 'default on software']
  const lines = families.flatMap(({ title, works, variants }) => [
    `## ${title}`,
    '',
    `Looked at: ${works.join('; ')}.`,
    '',
    `| ${heads.join(' | ')} |`,
    `| ${heads.map(() => '---').join(' | ')} |`,
    ...variants.map(formatRow),
    '',
  ])
  return [introduction, ...lines].join('\n')
}
