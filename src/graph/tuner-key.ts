import type { DeviceInfo } from '../gpu/adapter.ts'
import type { Template } from '../gpu/template.ts'
import { type Choice, workOf } from './choose.ts'
import type { KernelCall } from './op.ts'

const digests = new WeakMap<Template, string>()

/** The hash cyrb53: 53 bits of a text, in hexadecimal. */
function digest(text: string): string {
  let [a, b] = [0xdeadbeef, 0x41c6ce57]
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    a = Math.imul(a ^ c, 2654435761)
    b = Math.imul(b ^ c, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return (4294967296 * (2097151 & b) + (a >>> 0)).toString(16)
}

function digestOf(template: Template): string {
  let known = digests.get(template)
  if (known === undefined) {
    known = digest(JSON.stringify(template.nodes))
    digests.set(template, known)
  }
  return known
}

/** Sizes that share an answer: exact up to 16, then four classes an octave, each apart by whether vectors of 4 fit. */
export function classOf(size: number): string {
  if (size <= 16) return `${size}`
  const step = 2 ** (Math.floor(Math.log2(size - 1)) - 2)
  return `${Math.ceil(size / step) * step}${size % 4 === 0 ? '' : 'u'}`
}

/**
 * What an answer depends on: the adapter, the size class of the work, the text of the kernels that can do it, and their names, in
 * which their sizes stand.
 */
export function memoryKey(
  info: DeviceInfo,
  choice: Choice,
  variants: ReadonlyMap<string, readonly KernelCall[]>,
): string {
  const { vendor, architecture, description, software, features } = info
  const adapter = digest(JSON.stringify([vendor, architecture, description, software, features]))
  const texts = new Set([...variants.values()].flatMap((calls) => calls.map((c) => digestOf(c.kernel.template))))
  const kernels = digest([...variants.keys(), ...texts].sort().join())
  const work = workOf({ ...choice, inputs: [] })
  const classes = choice.inputs.map(({ shape, dtype }) => `${dtype}[${shape.map(classOf).join()}]`)
  return [adapter, kernels, work, ...classes].join(' ')
}
