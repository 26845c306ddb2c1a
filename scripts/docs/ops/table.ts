import type { WorstErrors } from '../../../tests/ops/runner.ts'
import { draws } from './declared.ts'
import type { InputFacts, OpFacts } from './facts.ts'

/** What one implementation of WebGPU gave: the adapter, and the worst errors by name of op. */
export interface Measured {
  readonly implementation: string
  readonly adapter: string
  readonly errors: ReadonlyMap<string, WorstErrors>
}

const introduction = `# Ops

Written by \`npm run docs:ops\` from the declarations and their checks; a test holds that it is current.

Each op is compared with plain loops in double precision, and each gradient with difference quotients of those loops.
The last columns give the worst error over all samples, of the values and of the gradients, relative to the largest
element of the tensor; 1e-4 is allowed unless the column "allowed" says otherwise. An error of 0 is that of whole
numbers, of moved elements, or of results that are exact.

- **map**: element i of the result is a function of elements of the inputs; all maps fuse, with each other and into the
  kernels around them. **kernel**: has kernels of its own. **composite**: written in other ops.
- **inputs**: each tensor with the dtypes that it may have. f16 needs a device with \`shader-f16\`.
- **gradient**: the inputs that get one. "none" is a decision, or there is nothing to differentiate.

${draws.map((name) => `\`${name}\``).join(', ')} are not in the table: there is nothing to compare a draw with, and tests
of their own hold the distributions.
`

const inner = `
## Ops beneath

What the functions above and the optimizers are made of; not public. Inputs have the dtypes that the checks use. Where no
check bears an op's name, the errors are those of the checks in which it runs.
`

function formatInputs(inputs: readonly InputFacts[]): string {
  if (inputs.length === 0) return '–'
  return inputs.map(({ name, dtypes }) => [`\`${name}\``, ...dtypes].join(' ')).join(', ')
}

function formatGradient(inputs: readonly InputFacts[]): string {
  const having = inputs.filter((input) => input.gradient)
  if (having.length === 0) return 'none'
  return having.length === inputs.length ? 'yes' : having.map(({ name }) => `\`${name}\``).join(', ')
}

const formatError = (error: number | null): string =>
  error === null ? '–' : error === 0 ? '0' : error.toExponential(1).replace('.0e', 'e')

function formatErrors(errors: WorstErrors | undefined): string {
  return errors ? `${formatError(errors.values)} · ${formatError(errors.gradients)}` : '? · ?'
}

function formatAllowed({ values, gradients }: OpFacts['bounds']): string {
  return values === 1e-4 && gradients === 1e-4 ? '' : `${formatError(values)} · ${formatError(gradients)}`
}

function formatRows(facts: readonly OpFacts[], runs: readonly Measured[]): string {
  const heads = ['op', 'tier', 'inputs', 'gradient', ...runs.map((run) => run.implementation), 'allowed']
  const rows = facts.map((op) => [
    `\`${op.name}\``,
    op.tier,
    formatInputs(op.inputs),
    formatGradient(op.inputs),
    ...runs.map((run) => formatErrors(run.errors.get(op.name))),
    formatAllowed(op.bounds),
  ])
  return [heads, heads.map(() => '---'), ...rows]
    .map((row) => `| ${row.join(' | ')} |`.replace(/ {2}/g, ' '))
    .join('\n')
}

/** The text of docs/ops.md. */
export function formatTable(facts: readonly OpFacts[], runs: readonly Measured[]): string {
  const adapters = runs.map((run) => `- ${run.implementation}: ${run.adapter}`)
  return [
    introduction,
    'Measured on',
    '',
    ...adapters,
    '',
    '## Functions',
    '',
    formatRows(
      facts.filter((op) => op.isPublic),
      runs,
    ),
    inner,
    formatRows(
      facts.filter((op) => !op.isPublic),
      runs,
    ),
    '',
  ].join('\n')
}

const parseError = (text: string): number | null => (text === '–' ? null : Number(text))

/** Reads the measured part back out of the text. */
export function parseTable(text: string): Measured[] {
  const adapters = [...text.matchAll(/^- ([^:*\n]+): (.+)$/gm)]
  const rows = text.split('\n').flatMap((line) => {
    const cells = line.split('|').map((cell) => cell.trim())
    const name = /^`(\w+)`$/.exec(cells[1] ?? '')?.[1]
    return name ? [{ name, cells }] : []
  })
  return adapters.map(([, implementation = '', adapter = ''], i) => ({
    implementation,
    adapter,
    errors: new Map(
      rows.map(({ name, cells }) => {
        const [values = '', gradients = ''] = (cells[5 + i] ?? '').split(' · ')
        return [name, { values: Number(values), gradients: parseError(gradients) }]
      }),
    ),
  }))
}
