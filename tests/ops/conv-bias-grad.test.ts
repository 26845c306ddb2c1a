import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  compile,
  conv2d,
  type Device,
  grad,
  mul,
  profile,
  setDefaultDevice,
  sum,
  type Tensor,
  tensor,
} from '../../src/index.ts'
import { openDevice } from '../../src/node.ts'

let device: Device

beforeAll(async () => {
  device = await openDevice({ guard: true })
  setDefaultDevice(device)
})

afterAll(() => device?.close())

const at = (i: number, phase: number): number => Math.fround(Math.sin(phase + 0.7 * i))

function wave(shape: readonly number[], phase: number): Tensor {
  const size = shape.reduce((a, b) => a * b, 1)
  const values = Float32Array.from({ length: size }, (_, i) => at(i, phase))
  return tensor(values, { shape: [...shape], requiresGrad: true })
}

/** Gradients of sum(y * slope) for a convolution y at stride 1 with a padding of 1. */
function reference(images: number, size: number, depth: number, outputs: number, groups: number): [number[], number[]] {
  const dw = new Array<number>(outputs * 9 * depth).fill(0)
  const db = new Array<number>(outputs).fill(0)
  for (let pixel = 0; pixel < images * size * size; pixel++) {
    const [n, p, q] = [Math.floor(pixel / size / size), Math.floor(pixel / size) % size, pixel % size]
    for (let o = 0; o < outputs; o++) {
      const slope = at(pixel * outputs + o, 3)
      db[o] = (db[o] as number) + slope
      for (let k = 0; k < 9 * depth; k++) {
        const [h, v] = [p - 1 + Math.floor(k / depth / 3), q - 1 + (Math.floor(k / depth) % 3)]
        if (h < 0 || v < 0 || h >= size || v >= size) continue
        const c = Math.floor(o / (outputs / groups)) * depth + (k % depth)
        const i = o * 9 * depth + k
        dw[i] = (dw[i] as number) + slope * at(((n * size + h) * size + v) * depth * groups + c, 0)
      }
    }
  }
  return [dw, db]
}

function expectClose(values: ArrayLike<number>, wanted: readonly number[]): void {
  expect(values.length).toBe(wanted.length)
  const scale = Math.max(...wanted.map(Math.abs))
  const worst = Math.max(...wanted.map((w, i) => Math.abs((values[i] as number) - w)))
  expect(worst / scale).toBeLessThan(1e-5)
}

test.each([
  ['whole', 1, 5, 1],
  ['in groups', 1, 5, 2],
  ['in parts', 4, 12, 1],
])(
  'the gradient of a bias comes with that of the weights, %s, in kernels of each kind',
  async (what, images, size, groups) => {
    const [depth, outputs] = [4, 16 * groups]
    const inputs = [
      wave([images, size, size, depth * groups], 0),
      wave([outputs, 3, 3, depth], 1),
      wave([outputs], 2),
      wave([images, size, size, outputs], 3),
    ] as const
    const wanted = reference(images, size, depth, outputs, groups)
    const step = compile((x: Tensor, w: Tensor, bias: Tensor, slope: Tensor) => {
      const [dw, db] = grad(sum(mul(conv2d(x, w, { bias, padding: 1, groups }), slope)), [w, bias])
      return { dw: dw as Tensor, db: db as Tensor }
    })
    const check = async (): Promise<void> => {
      const { dw, db } = step(...inputs)
      expectClose((await dw.data()) as Float32Array, wanted[0])
      expectClose((await db.data()) as Float32Array, wanted[1])
    }
    await check()
    const { rows } = await profile(step, ...inputs)
    expect(rows.map(({ op }) => op)).not.toContain('sum')
    const [work, names] = Object.entries(device.variants.offered()).find(
      ([text]) => text.startsWith('convWeightGrad') && text.includes(`f32[${inputs[0].shape.join()}]`),
    ) as [string, readonly string[]]
    for (const kind of ['tile', 'strip', 'shared']) {
      const name = names.find((n) => n.startsWith(kind) && n.endsWith('-parts-1') === (what !== 'in parts'))
      expect(name, `${kind} of ${names.join()}`).toBeDefined()
      device.variants.pin({ [work]: name as string })
      await check()
      expect(device.variants.used()[work]).toBe(name)
    }
    step.release()
  },
)
