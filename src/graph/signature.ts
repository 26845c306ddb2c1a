import { dataOp, hostBytes, inputOp, readOp, type VariableRead } from './leaf.ts'
import { type GraphProgram, isLeaf, leavesOf, nodeSignature } from './program.ts'
import { formatSite, type Value } from './value.ts'
import type { Variable } from './variable.ts'

const variableNames = new WeakMap<Variable, number>()
let variableCount = 0

function nameOfVariable(v: Variable): number {
  const n = variableNames.get(v) ?? variableCount++
  variableNames.set(v, n)
  return n
}

/** FNV-1a over bytes. */
function hash(bytes: ArrayBuffer): number {
  let h = 0x811c9dc5
  for (const b of new Uint8Array(bytes)) h = Math.imul(h ^ b, 0x01000193) >>> 0
  return h
}

function nameOfLeaf(value: Value, since: number): string {
  const { op, payload } = value.node
  const spec = `${value.dtype}[${value.shape.join()}]`
  if (op === readOp) {
    const { variable, version } = payload as VariableRead
    return `variable ${nameOfVariable(variable)} '${variable.label}' after ${version} writes ${spec}`
  }
  if (op === inputOp) return `argument ${String(payload)} ${spec}`
  const bytes = value.node.id >= since ? hostBytes(value) : null
  if (bytes) return `data ${spec} ${hash(bytes).toString(16)}`
  return op === dataOp || op.kind !== 'leaf' ? `tensor ${value.id} ${spec}` : `${op.name} ${spec}`
}

/**
 * One line for every node, every effect and the outputs; equal lists mean the same step. Data made during the trace,
 * from node `since` on, is known by its bytes; what was there before, by which tensor it is.
 */
export function signaturesOf(program: GraphProgram, since: number): string[] {
  const names = new Map<Value, string>()
  for (const leaf of leavesOf(program)) names.set(leaf, nameOfLeaf(leaf, since))
  const nameOf = (v: Value): string => names.get(v) ?? (isLeaf(v) ? nameOfLeaf(v, since) : '?')
  const lines = program.nodes.map((node, i) => {
    node.outputs.forEach((o, k) => {
      names.set(o, `#${i}.${k}`)
    })
    return nodeSignature(node, nameOf)
  })
  for (const e of program.effects) {
    lines.push(
      e.kind === 'assign'
        ? `assign '${e.variable.label}' = ${nameOf(e.value)}`
        : `update ${e.writes.map(([v]) => nameOfVariable(v)).join()}`,
    )
  }
  lines.push(`returns ${program.outputs.map(nameOf).join(', ')}`)
  return lines
}

interface Signed {
  readonly program: GraphProgram
  readonly signatures: readonly string[]
}

/** The first line in which two traces differ, in words; null when they agree. */
export function firstDifference(a: Signed, b: Signed): string | null {
  const n = Math.max(a.signatures.length, b.signatures.length)
  for (let i = 0; i < n; i++) {
    const was = a.signatures[i] ?? 'nothing'
    const is = b.signatures[i] ?? 'nothing'
    if (was === is) continue
    const site = formatSite(b.program.nodes[i]?.site ?? a.program.nodes[i]?.site ?? null)
    return `node ${i}${site ? ` at ${site}` : ''} was \`${was}\` and is \`${is}\``
  }
  return null
}
