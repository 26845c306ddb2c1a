const names = [
  'ArrayBuffer',
  'Uint8Array',
  'Int8Array',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
] as const

/** The largest buffer asked for, in bytes, while `run` ran: by `new` or by `from`, whether or not it was given. */
export async function largestAllocation(run: () => unknown): Promise<number> {
  let largest = 0
  const world = globalThis as unknown as Record<string, new (...args: never[]) => ArrayBufferLike>
  const real = names.map((name) => world[name] as new (...args: never[]) => ArrayBufferLike)
  for (const [i, name] of names.entries()) {
    const type = real[i] as (typeof real)[number]
    const { BYTES_PER_ELEMENT: size = 1 } = type as { BYTES_PER_ELEMENT?: number }
    world[name] = new Proxy(type, {
      construct(target, args, newTarget) {
        const [length] = args as unknown[]
        if (typeof length === 'number') largest = Math.max(largest, length * size)
        return Reflect.construct(target, args, newTarget)
      },
    })
  }
  try {
    await run()
  } finally {
    for (const [i, name] of names.entries()) world[name] = real[i] as (typeof real)[number]
  }
  return largest
}
