import { fail } from '../errors.ts'
import type { Tensor } from '../graph/tensor.ts'
import { formatShape, numel } from '../shape.ts'
import { equal, mul, where } from './arithmetic.ts'
import { matmul } from './matmul.ts'
import { arange, permute, squeeze } from './movement.ts'
import { sum } from './reduce.ts'
import { reshape } from './reshape.ts'

/** A tensor whose axes have names. */
interface Named {
  readonly x: Tensor
  readonly axes: readonly string[]
}

/**
 * Einstein's sum: products of elements of the operands, summed over the axes that the output does not name. Axes are letters; one
 * letter is one size everywhere (or 1, which repeats), twice in an operand it takes the diagonal, and `...` stands for
 * any axes in front. Without `->` the output has the letters that appear once, in alphabetical order.
 *
 *     einsum('bhqd,bhkd->bhqk', q, k)
 */
export function einsum(equation: string, ...operands: readonly Tensor[]): Tensor {
  const { inputs, output } = parse(equation, operands)
  const sizes = sizesOf(equation, inputs, operands)
  const unknown = output.find((axis) => !sizes.has(axis))
  if (unknown) fail('einsum', `'${equation}' has ${shown(unknown)} in the output alone`, 'an operand must have it')
  if (new Set(output).size !== output.length)
    fail('einsum', `'${equation}' repeats an axis in the output`, 'each may appear once there')

  const named = operands.map((x, k) => withoutOnes(diagonals({ x, axes: inputs[k] as string[] }), sizes))
  const rest = named.slice(1)
  const result = rest.reduce<Named>(
    (a, b, k) => contract(a, b, [...output, ...rest.slice(k + 1).flatMap((other) => other.axes)], sizes),
    named[0] as Named,
  )
  const summed = summedOver(result, output)
  return permute(
    summed.x,
    output.map((axis) => summed.axes.indexOf(axis)),
  )
}

function shown(axis: string): string {
  return axis.startsWith('.') ? '...' : axis
}

/** Axes by name. Those under `...` are called .1, .2, ... from the last one on. */
function parse(equation: string, operands: readonly Tensor[]): { inputs: string[][]; output: string[] } {
  const [left = '', right, ...more] = equation.replace(/\s/g, '').split('->')
  const terms = left.split(',')
  const isTerm = (term: string): boolean => /^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/.test(term)
  if (more.length > 0 || ![...terms, right ?? ''].every(isTerm))
    fail('einsum', `the equation is '${equation}'`, "it must be letters, commas and '...', as in 'ij,jk->ik'")
  if (terms.length !== operands.length)
    fail('einsum', `'${equation}' has ${terms.length} operands, ${operands.length} are given`, 'give one for each')
  const inputs = terms.map((term, k) => {
    const { shape } = operands[k] as Tensor
    const letters = term.replace('...', '').length
    const isOpen = term.includes('...')
    if (isOpen ? letters > shape.length : letters !== shape.length)
      fail('einsum', `'${term}' names the axes of ${formatShape(shape)}`, 'each axis needs a letter')
    return spell(term, shape.length - letters)
  })
  const free = Math.max(0, ...inputs.map((axes) => axes.filter((axis) => axis.startsWith('.')).length))
  if (right !== undefined) return { inputs, output: spell(right, free) }
  const all = inputs.flat()
  const once = all.filter((axis, i) => !axis.startsWith('.') && all.indexOf(axis) === i && all.lastIndexOf(axis) === i)
  return { inputs, output: [...spell('...', free), ...once.sort()] }
}

function spell(term: string, free: number): string[] {
  const [before = '', after] = term.split('...')
  if (after === undefined) return [...before]
  return [...before, ...Array.from({ length: free }, (_, d) => `.${free - d}`), ...after]
}

function sizesOf(equation: string, inputs: readonly string[][], operands: readonly Tensor[]): Map<string, number> {
  const sizes = new Map<string, number>()
  inputs.forEach((axes, k) => {
    axes.forEach((axis, d) => {
      const size = (operands[k] as Tensor).shape[d] as number
      const known = sizes.get(axis) ?? 1
      if (known !== 1 && size !== 1 && known !== size)
        fail('einsum', `${shown(axis)} of '${equation}' is ${known} and ${size}`, 'an axis has one size')
      sizes.set(axis, known === 1 ? size : known)
    })
  })
  return sizes
}

/** Of axes that share a name one, along which only equal coordinates are left. */
function diagonals(named: Named): Named {
  const again = named.axes.findIndex((axis, d) => named.axes.indexOf(axis) !== d)
  if (again < 0) return named
  const first = named.axes.indexOf(named.axes[again] as string)
  const { x } = named
  const [n = 0, m = 0] = [x.shape[first], x.shape[again]]
  if (n !== m) fail('einsum', `the axes '${named.axes[again]}' of ${formatShape(x.shape)}`, 'a diagonal needs one size')
  const along = (axis: number): Tensor =>
    reshape(
      arange(n),
      x.shape.map((s, d) => (d === axis ? s : 1)),
    )
  const kept = sum(where(equal(along(first), along(again)), x, 0), again)
  return diagonals({ x: kept, axes: named.axes.filter((_, d) => d !== again) })
}

/** Without the axes of size 1 that are larger elsewhere. */
function withoutOnes({ x, axes }: Named, sizes: ReadonlyMap<string, number>): Named {
  const d = axes.findIndex((axis, i) => x.shape[i] === 1 && sizes.get(axis) !== 1)
  return d < 0 ? { x, axes } : withoutOnes({ x: squeeze(x, d), axes: axes.filter((_, i) => i !== d) }, sizes)
}

function summedOver({ x, axes }: Named, kept: readonly string[]): Named {
  const gone = axes.flatMap((axis, d) => (kept.includes(axis) ? [] : [d]))
  return gone.length === 0 ? { x, axes } : { x: sum(x, gone), axes: axes.filter((axis) => kept.includes(axis)) }
}

/** The product of two operands, summed over what only they have: one batched matrix product, or a product of elements and a sum. */
function contract(a: Named, b: Named, kept: readonly string[], sizes: ReadonlyMap<string, number>): Named {
  const left = summedOver(a, [...kept, ...b.axes])
  const right = summedOver(b, [...kept, ...a.axes])
  const shared = left.axes.filter((axis) => right.axes.includes(axis))
  const batch = shared.filter((axis) => kept.includes(axis))
  const inner = shared.filter((axis) => !kept.includes(axis))
  const rows = left.axes.filter((axis) => !shared.includes(axis))
  const columns = right.axes.filter((axis) => !shared.includes(axis))
  const size = (axes: readonly string[]): number => numel(axes.map((axis) => sizes.get(axis) as number))
  const dims = (axes: readonly string[]): number[] => axes.map((axis) => sizes.get(axis) as number)
  const ordered = ({ x, axes }: Named, order: readonly string[]): Tensor =>
    permute(
      x,
      order.map((axis) => axes.indexOf(axis)),
    )

  if (inner.length === 0 || (size(rows) === 1 && size(columns) === 1) || left.x.dtype !== 'f32') {
    const all = [...batch, ...rows, ...columns, ...inner]
    const spread = (named: Named): Tensor => {
      const own = ordered(
        named,
        all.filter((axis) => named.axes.includes(axis)),
      )
      return reshape(
        own,
        all.map((axis) => (named.axes.includes(axis) ? (sizes.get(axis) as number) : 1)),
      )
    }
    return summedOver({ x: mul(spread(left), spread(right)), axes: all }, kept)
  }
  const x = reshape(ordered(left, [...batch, ...rows, ...inner]), [size(batch), size(rows), size(inner)])
  const y = reshape(ordered(right, [...batch, ...inner, ...columns]), [size(batch), size(inner), size(columns)])
  return {
    x: reshape(matmul(x, y), [...dims(batch), ...dims(rows), ...dims(columns)]),
    axes: [...batch, ...rows, ...columns],
  }
}
