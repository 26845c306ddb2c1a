import { expect, test } from 'vitest'
import type { DeviceTraits } from '../../src/graph/op.ts'
import {
  type ConvShape,
  convForwardCall,
  convInputGradCall,
  convOutputSize,
  convStrip,
  convStripCall,
  convStripWeightGrad,
  convWeightGradCall,
  type WeightGradChoice,
} from '../../src/ops/conv-kernels.ts'
import { convQuadStrip, convQuadStripWeightGrad, quadStripTile } from '../../src/ops/conv-quads.ts'
import {
  convShared,
  convSharedCall,
  convSharedInputGrad,
  convSharedInputGradCall,
  convSharedWeightGrad,
  convSharedWeightGradCall,
  type SharedTile,
  sharedTiles,
} from '../../src/ops/conv-shared.ts'
import {
  convForwardVariants,
  convInputGradVariants,
  convWeightGradVariants,
  stripTile,
  type WeightGradVariant,
} from '../../src/ops/conv-variants.ts'
import { windowCalls } from '../../src/ops/conv-windows.ts'
import {
  type ConvPass,
  type WinogradSize,
  winogradCalls,
  winogradSize,
  winogradWays,
} from '../../src/ops/conv-winograd.ts'
import { type MatmulTile, type TiledCall, tileName } from '../../src/ops/matmul-kernels.ts'
import { expectClose, noise, runShader, traitsFor } from './shader-run.ts'

interface Arrays {
  readonly x: Float32Array<ArrayBuffer>
  readonly w: Float32Array<ArrayBuffer>
  readonly dy: Float32Array<ArrayBuffer>
}

function lengths(shape: ConvShape): { x: number; w: number; y: number } {
  const [p, q] = convOutputSize(shape)
  const { images, size, channels, outputs, kernel, groups } = shape
  return {
    x: images * size[0] * size[1] * channels,
    w: (outputs * kernel[0] * kernel[1] * channels) / groups,
    y: images * p * q * outputs,
  }
}

/** All three results by visiting every product of the convolution once. */
function reference(shape: ConvShape, { x, w, dy }: Arrays): { y: Float64Array; dx: Float64Array; dw: Float64Array } {
  const { images, size, channels, outputs, kernel, stride, padding, dilation, groups } = shape
  const [p, q] = convOutputSize(shape)
  const count = lengths(shape)
  const result = { y: new Float64Array(count.y), dx: new Float64Array(count.x), dw: new Float64Array(count.w) }
  const perGroup = channels / groups
  for (let yi = 0; yi < count.y; yi++) {
    const o = yi % outputs
    const column = Math.floor(yi / outputs) % q
    const row = Math.floor(yi / outputs / q) % p
    const n = Math.floor(yi / outputs / q / p)
    const first = Math.floor(o / (outputs / groups)) * perGroup
    for (let tap = 0; tap < kernel[0] * kernel[1]; tap++) {
      const h = row * stride[0] - padding[0] + Math.floor(tap / kernel[1]) * dilation[0]
      const v = column * stride[1] - padding[1] + (tap % kernel[1]) * dilation[1]
      if (h < 0 || h >= size[0] || v < 0 || v >= size[1]) continue
      for (let c = 0; c < perGroup; c++) {
        const xi = ((n * size[0] + h) * size[1] + v) * channels + first + c
        const wi = (o * kernel[0] * kernel[1] + tap) * perGroup + c
        result.y[yi] = (result.y[yi] ?? 0) + (x[xi] ?? Number.NaN) * (w[wi] ?? Number.NaN)
        result.dx[xi] = (result.dx[xi] ?? 0) + (dy[yi] ?? Number.NaN) * (w[wi] ?? Number.NaN)
        result.dw[wi] = (result.dw[wi] ?? 0) + (dy[yi] ?? Number.NaN) * (x[xi] ?? Number.NaN)
      }
    }
  }
  expect(images).toBeGreaterThan(0)
  return result
}

function summed(parts: Float32Array, length: number): Float32Array {
  const sum = new Float32Array(length)
  for (const [i, value] of parts.entries()) sum[i % length] = (sum[i % length] ?? 0) + value
  return sum
}

/** What runs: calls of each kind, by name. */
interface Calls {
  readonly forward: readonly TiledCall[]
  readonly inputGrad: readonly TiledCall[]
  readonly weightGrad: readonly Pick<WeightGradVariant, 'call' | 'parts'>[]
}

async function check(shape: ConvShape, calls: Calls): Promise<void> {
  const count = lengths(shape)
  const arrays = { x: noise(count.x, 3), w: noise(count.w, 4), dy: noise(count.y, 5) }
  const expected = reference(shape, arrays)
  const { x, w, dy } = arrays
  for (const call of calls.forward) expectClose((await runShader(call, [x, w], count.y)).values, expected.y)
  for (const call of calls.inputGrad) expectClose((await runShader(call, [dy, w], count.x)).values, expected.dx)
  for (const { call, parts } of calls.weightGrad) {
    const { values } = await runShader(call(), [x, dy], count.w * parts)
    expectClose(summed(values, count.w), expected.dw)
  }
}

/** Every kernel of registers alone that a device of either kind may take. */
function declared(shape: ConvShape): Calls {
  const both = <V extends { readonly name: string }>(variants: (software: boolean) => readonly V[]): V[] => {
    const all = [...variants(true), ...variants(false)]
    return [...new Map(all.map((v) => [v.name, v])).values()].filter(({ name }) => !/^tile-8x8|^shared/.test(name))
  }
  return {
    forward: both((s) => convForwardVariants(shape, traitsFor(s))).map((v) => v.call()),
    inputGrad: both((s) => convInputGradVariants(shape, traitsFor(s))).map((v) => v.call()),
    weightGrad: both((s) => convWeightGradVariants(shape, traitsFor(s))),
  }
}

function inParts(shape: ConvShape, choice: WeightGradChoice): Calls['weightGrad'][number] {
  return { parts: choice.parts, call: () => convWeightGradCall(shape, choice) }
}

function tiled(shape: ConvShape, tile: MatmulTile, parts: number): Calls {
  return {
    forward: [convForwardCall(shape, tile)],
    inputGrad: [convInputGradCall(shape, tile)],
    weightGrad: [inParts(shape, { tile, parts })],
  }
}

function conv(
  channels: number,
  outputs: number,
  size: number,
  kernel: number,
  more: Partial<ConvShape> = {},
): ConvShape {
  return {
    ...{ images: 2, size: [size, size + 1], channels, outputs, kernel: [kernel, kernel], groups: 1 },
    ...{ stride: [1, 1], padding: [0, 0], dilation: [1, 1] },
    ...more,
  }
}

const shapes: Readonly<Record<string, ConvShape>> = {
  'one channel': conv(1, 5, 7, 3),
  'one pixel': conv(3, 7, 1, 1, { images: 1, size: [1, 1] }),
  '1 x 1 kernel': conv(8, 12, 5, 1),
  'padding, aligned channels': conv(4, 8, 6, 3, { padding: [1, 1] }),
  'padding on one side only': conv(3, 4, 6, 3, { padding: [0, 2] }),
  'stride 2 with a remainder': conv(4, 4, 8, 3, { stride: [2, 2], padding: [1, 1] }),
  'stride beyond the kernel': conv(4, 6, 9, 2, { stride: [3, 3] }),
  'unequal strides and kernel': conv(5, 4, 9, 3, { kernel: [2, 3], stride: [3, 2], padding: [1, 0] }),
  dilation: conv(4, 4, 9, 3, { dilation: [2, 3], padding: [2, 3] }),
  'dilation and stride': conv(4, 3, 11, 3, { dilation: [2, 1], stride: [2, 2], padding: [1, 1] }),
  groups: conv(8, 12, 5, 3, { groups: 2, padding: [1, 1] }),
  'a group per channel': conv(6, 6, 5, 3, { groups: 6, padding: [1, 1], stride: [2, 1] }),
  'a group per channel by fours': conv(8, 8, 7, 3, { groups: 8, padding: [1, 1] }),
  'wide windows of single channels': conv(4, 4, 9, 5, { groups: 4, padding: [4, 2], dilation: [2, 1], stride: [1, 2] }),
  'more outputs than a tile': conv(12, 37, 4, 3, { padding: [1, 1] }),
}
test.each(Object.entries(shapes))('%s matches f64 with every kernel declared', async (_, shape) => {
  const calls = declared(shape)
  expect(calls.forward.length).toBeGreaterThan(1)
  await check(shape, calls)
})

test.each(Object.entries(shapes))('%s matches f64 in parts, and in strips of every width', async (_, shape) => {
  const tile = { tm: 2, tn: 1, wx: 2, wy: 8 }
  const strips = [1, 2, 3, 5, 6].map((tm) => ({ tm, tn: 2, wx: 2, wy: 4 }))
  const along = (isGrad: boolean): TiledCall[] => strips.flatMap((s) => convStripCall(shape, isGrad, s) ?? [])
  const { stride, dilation } = shape
  const isNear = stride[0] * stride[1] * dilation[1] === 1
  const near = [
    { tm: 2, tn: 1, wx: 4, wy: 2 },
    { tm: 4, tn: 2, wx: 2, wy: 1 },
  ]
  await check(shape, {
    forward: along(false),
    inputGrad: along(true),
    weightGrad: [
      inParts(shape, { tile, parts: 3 }),
      ...(isNear ? near.map((strip) => inParts(shape, { tile: strip, parts: 3, isStrip: true })) : []),
    ],
  })
})

test('the largest tile matches f64', () => {
  const shape = conv(8, 16, 6, 3, { padding: [1, 1] })
  return check(shape, tiled(shape, { tm: 8, tn: 8, wx: 2, wy: 2 }, 5))
})

// Small, so that software drivers compile it fast and every shape has several tiles and an edge.
const sharedTile: SharedTile = { tm: 2, tn: 2, wx: 4, wy: 4, bk: 8 }

test.each(Object.entries(shapes))('%s matches f64 with tiles in shared memory', (_, shape) =>
  check(shape, {
    forward: [convSharedCall(shape, sharedTile)],
    inputGrad: [convSharedInputGradCall(shape, sharedTile)],
    weightGrad: [{ parts: 2, call: () => convSharedWeightGradCall(shape, sharedTile, 2) }],
  }),
)

const uneven: readonly SharedTile[] = [
  { tm: 2, tn: 1, wx: 4, wy: 4, bk: 16 },
  { tm: 1, tn: 2, wx: 8, wy: 4, bk: 32 },
]
const edges: Readonly<Record<string, ConvShape>> = {
  'one more than a tile each way': conv(17, 17, 4, 3, { images: 1, size: [3, 11], padding: [1, 1] }),
  'one less than a tile each way': conv(15, 15, 4, 3, { images: 1, size: [1, 31], padding: [1, 1] }),
  'whole tiles': conv(16, 16, 4, 2, { images: 2, size: [5, 5] }),
}
test.each(Object.entries(edges))('%s matches f64 in uneven shared tiles', (_, shape) =>
  check(shape, {
    forward: uneven.map((tile) => convSharedCall(shape, tile)),
    inputGrad: uneven.map((tile) => convSharedInputGradCall(shape, tile)),
    weightGrad: uneven.map((tile) => ({ parts: 3, call: () => convSharedWeightGradCall(shape, tile, 3) })),
  }),
)

test('every shared tile matches f64', async () => {
  const shape = conv(20, 36, 7, 1, { images: 1, padding: [1, 1] })
  const tiles = sharedTiles({ rows: 4096, columns: 4096, depth: 64, batches: 1 }, traitsFor(false))
  expect(tiles.length).toBe(6)
  await check(shape, { forward: tiles.map((tile) => convSharedCall(shape, tile)), inputGrad: [], weightGrad: [] })
})

const winogradShapes: Readonly<Record<string, ConvShape>> = {
  'whole patches': conv(8, 12, 6, 3, { size: [6, 8], padding: [1, 1] }),
  'half patches': conv(4, 8, 5, 3, { size: [5, 6], padding: [1, 0] }),
  'wide padding': conv(8, 4, 3, 3, { padding: [2, 2] }),
}
const passes: readonly ConvPass[] = ['forward', 'input', 'weight']
const sizes: readonly WinogradSize[] = [2, 4]
test.each(Object.entries(winogradShapes))("%s match f64 by Winograd's method", async (_, shape) => {
  const count = lengths(shape)
  const arrays = { x: noise(count.x, 3), w: noise(count.w, 4), dy: noise(count.y, 5) }
  const { x, w, dy } = arrays
  const expected = reference(shape, arrays)
  const given = { forward: [x, w], input: [dy, w], weight: [x, dy] } as const
  const wanted = { forward: expected.y, input: expected.dx, weight: expected.dw }
  for (const pass of passes) {
    for (const size of sizes) {
      const calls = winogradCalls(shape, pass, size, { tm: 2, tn: 4, wx: 2, wy: 4 })
      if (calls === null) throw new Error('the method does not apply')
      const { operands, product, result } = calls
      const held = Float32Array.from((await runShader(operands.call, given[pass], operands.elements)).values)
      const m = Float32Array.from((await runShader(product.call, [held, held], product.elements)).values)
      const { values } = await runShader(result, [m], wanted[pass].length)
      expectClose(values, wanted[pass], size === 4 ? 3e-5 : undefined)
    }
  }
})

const windowShapes: Readonly<Record<string, ConvShape>> = {
  'strides and padding': conv(3, 5, 9, 3, { stride: [2, 3], padding: [1, 0] }),
  'dilation by fours': conv(8, 4, 8, 3, { dilation: [2, 1], padding: [2, 1], kernel: [3, 2] }),
  'single pixels apart': conv(4, 6, 7, 1, { stride: [2, 2] }),
}
test.each(Object.entries(windowShapes))('%s match f64 by windows side by side', async (_, shape) => {
  const count = lengths(shape)
  const arrays = { x: noise(count.x, 3), w: noise(count.w, 4), dy: noise(count.y, 5) }
  const expected = reference(shape, arrays)
  const { x, w, dy } = arrays
  const callsFor = (pass: ConvPass): ReturnType<typeof windowCalls> =>
    windowCalls(shape, pass, { tm: 2, tn: 2, wx: 2, wy: 4 })
  const { windows, product, elements } = callsFor('forward')
  const laid = Float32Array.from((await runShader(windows, [x], elements)).values)
  expectClose((await runShader(product, [laid, w], count.y)).values, expected.y)
  expectClose((await runShader(callsFor('weight').product, [dy, laid], count.w)).values, expected.dw)
  const input = callsFor('input')
  const given = Float32Array.from((await runShader(input.product, [dy, w], elements)).values)
  expectClose((await runShader(input.windows, [given], count.x)).values, expected.dx)
})

test("Winograd's method is offered where it applies and fits, and taken where it pays", () => {
  const shape = conv(64, 32, 14, 3, { padding: [1, 1] })
  const names = (changes: Partial<ConvShape>, bytes = 2 ** 27): string[] =>
    winogradWays({ ...shape, ...changes }, 'forward', { ...traitsFor(false), maxBindingBytes: bytes }).map(
      (v) => v.name,
    )
  expect(names({}).map((name) => name.replace(/-.*/, ''))).toEqual(['winograd2', 'winograd2', 'winograd4', 'winograd4'])
  expect(names({ size: [14, 3] }).map((name) => name.replace(/-.*/, ''))).toEqual(['winograd2', 'winograd2'])
  expect(names({ channels: 16 })).toEqual([])
  expect(names({ stride: [2, 2] })).toEqual([])
  expect(names({ dilation: [2, 2], padding: [2, 2] })).toEqual([])
  expect(names({ kernel: [5, 5] })).toEqual([])
  expect(names({ groups: 2 })).toEqual([])
  expect(names({}, 2 ** 18)).toEqual([])
  const taken = (changes: Partial<ConvShape>, software = true): (WinogradSize | null)[] =>
    passes.map((pass) => winogradSize({ ...shape, ...changes }, pass, traitsFor(software)))
  expect(taken({})).toEqual([4, 4, 4])
  expect(taken({}, false)).toEqual([null, null, null])
  expect(taken({ channels: 512, outputs: 512, size: [7, 7], images: 1 })).toEqual([null, null, null])
  expect(taken({ channels: 512, outputs: 512, size: [4, 4], images: 8 })).toEqual([4, 4, 4])
  expect(taken({ channels: 16 })).toEqual([null, null, null])
  expect(taken({ stride: [2, 2] })).toEqual([null, null, null])
})

test('shared tiles fit the device', () => {
  const question = { rows: 4096, columns: 256, depth: 576, batches: 1 }
  const small = { ...traitsFor(false), maxInvocations: 64, maxWorkgroupBytes: 8192 }
  for (const device of [traitsFor(false), small]) {
    const tiles = sharedTiles(question, device)
    expect(tiles.length).toBeGreaterThan(0)
    for (const { tm, tn, wx, wy, bk } of tiles) {
      expect(wx * wy).toBeLessThanOrEqual(device.maxInvocations)
      expect(4 * bk * (wy * tm + wx * tn + 2)).toBeLessThanOrEqual(device.maxWorkgroupBytes)
    }
  }
  expect(sharedTiles({ ...question, columns: 4 }, traitsFor(false))).toEqual([])
})

test('large convolutions at stride 1 take strips on software, that swap loads where threads can', () => {
  const shape = conv(16, 32, 14, 3, { images: 32, size: [14, 14], padding: [1, 1] })
  const kernels = (device: DeviceTraits): unknown[] =>
    [convForwardVariants, convInputGradVariants, convWeightGradVariants].map(
      (variants) => variants(shape, device)[0]?.call().kernel,
    )
  expect(kernels(traitsFor(true))).toEqual([convQuadStrip, convQuadStrip, convQuadStripWeightGrad])
  expect(kernels(traitsFor(false))).toEqual([convShared, convSharedInputGrad, convSharedWeightGrad])
  const plain = { ...traitsFor(true), quads: false }
  expect(kernels(plain)).toEqual([convStrip, convStrip, convStripWeightGrad])
  expect(convWeightGradVariants(shape, plain)[0]).toMatchObject({ name: 'strip-8x4-4x4-parts-4', parts: 4 })
  expect(stripTile(14, 32, 3)).toEqual({ tm: 14, tn: 4, wx: 4, wy: 4 })
  expect(stripTile(17, 32, 3)).toBe(null)
})

test('tiles of strips that swap loads leave few threads idle', () => {
  const tile = (images: number, side: number, outputs: number): string | null => {
    const shape = conv(8, outputs, side, 3, { images, size: [side, side], padding: [1, 1] })
    const found = quadStripTile(shape, false, traitsFor(true))
    return found && tileName(found)
  }
  expect(tile(32, 14, 32)).toBe('quads-7x8-16')
  expect(tile(1, 7, 512)).toBe('quads-7x8-8')
  expect(tile(8, 32, 2)).toBe('quads-16x4-16')
  expect(tile(0, 14, 32)).toBe(null)
})

test('strips are for stride 1 and padding within the kernel', () => {
  const shape = conv(16, 32, 14, 3, { images: 32, size: [14, 14], padding: [1, 1] })
  const tile = { tm: 1, tn: 2, wx: 2, wy: 4 }
  expect(convStripCall({ ...shape, stride: [2, 1] }, false, tile)).toBe(null)
  expect(convStripCall({ ...shape, padding: [3, 3], size: [13, 13] }, true, tile)).toBe(null)
  const names = convForwardVariants({ ...shape, stride: [2, 1] }, traitsFor(true)).map((v) => v.name)
  expect(names.filter((name) => name.startsWith('strip'))).toEqual([])
})

test('output sizes round down', () => {
  expect(convOutputSize(conv(1, 1, 8, 3, { stride: [2, 2] }))).toEqual([3, 4])
  expect(convOutputSize(conv(1, 1, 8, 3, { dilation: [2, 2], padding: [2, 2] }))).toEqual([8, 9])
})

test('parts of the weight gradient grow where outputs are few', () => {
  const shape = conv(64, 64, 56, 3, { images: 32, size: [56, 56], padding: [1, 1] })
  expect(convWeightGradVariants(shape, traitsFor(false))[0]?.parts).toBeGreaterThan(1)
  expect(convWeightGradVariants(shape, traitsFor(true))[0]?.parts).toBe(1)
})

test('rows beyond the limit of a grid match f64', () => {
  const shape = conv(1, 1, 0, 1, { images: 1, size: [300, 331], kernel: [1, 1] })
  return check(shape, tiled(shape, { tm: 1, tn: 1, wx: 1, wy: 1 }, 2))
})
