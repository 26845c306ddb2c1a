import { afterAll, beforeAll, expect, it } from 'vitest'
import { compile, type Device, spec, type Tensor, tensor } from '../../src/index.ts'
import { Parameter } from '../../src/nn/index.ts'
import { openDevice } from '../../src/node.ts'
import { clipNorm, GradientAccumulator, SGD } from '../../src/optim/index.ts'

let gpu: Device
beforeAll(async () => {
  gpu = await openDevice()
})
afterAll(() => gpu.close())

it('a tensor of a compiled function is refused everywhere else', async () => {
  let inner: Tensor | undefined
  const step = compile((x: Tensor) => {
    inner = x.mul(2)
    return inner.add(1)
  })
  const expected =
    'compile: a tensor made of argument 0, f32 [2], of a compiled function is used outside of that function; return it ' +
    'from the function and use what the step gives'
  expect(await step(tensor([1, 2])).data()).toEqual(Float32Array.of(3, 5))
  await expect((async () => inner?.data())()).rejects.toThrow(expected)
  expect(() => compile((x: Tensor) => x.add(inner as Tensor))(tensor([1, 2]))).toThrow(expected)
  expect(await step(tensor([3, 2])).data()).toEqual(Float32Array.of(7, 5))
})

it("the norm of clipped gradients belongs to the step that made it, and is nobody's elsewhere", async () => {
  const p = new Parameter(tensor([1, 2]))
  const optimizer = new SGD([p], { lr: 0 })
  const clip = clipNorm(1)
  optimizer.clip = clip
  expect(clip.norm).toBe(null)
  optimizer.minimize(p.mul(3).sum())
  expect(await clip.norm?.item()).toBeCloseTo(Math.sqrt(18), 5)

  const step = compile((x: Tensor) => {
    optimizer.minimize(p.mul(x).sum())
    return { norm: clip.norm as Tensor }
  })
  expect(await step(tensor([3, 4])).norm.item()).toBeCloseTo(5, 5)
  expect(() => clip.norm).toThrow(
    'clipNorm: the norm is read outside of the compiled step that made it; return it from the function that calls ' +
      'minimize, and use what the step gives',
  )
  expect(() => compile((x: Tensor) => ({ y: x.add(1), norm: clip.norm as Tensor }))(tensor([1]))).toThrow(
    'compile: the function returned null as norm; return tensors: one, an array of them, or an object of them',
  )

  const accumulator = new GradientAccumulator(optimizer, 2)
  const micro = compile((x: Tensor) => {
    accumulator.minimize(p.mul(x).sum())
    return clip.norm ? [clip.norm] : []
  })
  expect(micro(tensor([3, 4]))).toHaveLength(0)
  expect(micro(tensor([3, 4]))).toHaveLength(1)
  expect(micro(tensor([3, 4]))).toHaveLength(0)
})

it('prepare says how many specs it wants, and takes any number for rest arguments', async () => {
  const one = compile((x: Tensor) => x.add(1))
  const wanted = (given: string): string =>
    `prepare: ${given} for a function of 1 argument; give one for each, in order, as in ` +
    "prepare([spec([64, 10]), spec([64], 'i32')])"
  await expect(one.prepare()).rejects.toThrow(wanted('0 specs'))
  await expect(one.prepare({ x: spec([2]), y: spec([2]) })).rejects.toThrow(wanted('2 specs'))
  // @ts-expect-error a shape alone is no spec
  await expect(one.prepare([[2]])).rejects.toThrow(
    "prepare: spec 0 has no shape or no dtype; make it with spec, as in prepare([spec([64, 10]), spec([64], 'i32')])",
  )
  const rest = compile((...xs: Tensor[]) => xs.reduce((a, b) => a.add(b)))
  await rest.prepare([spec([2]), spec([2])])
  expect(await rest(tensor([1, 2]), tensor([3, 4])).data()).toEqual(Float32Array.of(4, 6))
})
