import { expect, test } from 'vitest'
import { Device } from '../../src/gpu/device.ts'
import { buildPlan } from '../../src/graph/plan.ts'
import { traceFunction } from '../../src/graph/traced.ts'
import { add, compile, mul, relu, setDefaultDevice, spec, sum, type Tensor, tensor, zeros } from '../../src/index.ts'
import * as nn from '../../src/nn/index.ts'
import { openDevice } from '../../src/node.ts'
import { SGD } from '../../src/optim/index.ts'
import { fakeDevice } from '../engine/fake-device.ts'

class Block extends nn.Module {
  readonly shortcut: nn.Sequential | null
  readonly conv1 = new nn.Conv2d(16, 16, 3, { padding: 1, bias: false })
  readonly bn1 = new nn.BatchNorm2d(16)
  readonly conv2 = new nn.Conv2d(16, 16, 3, { padding: 1, bias: false })
  readonly bn2 = new nn.BatchNorm2d(16)

  constructor(isProjected = false) {
    super()
    const project = new nn.Conv2d(16, 16, 1, { bias: false })
    this.shortcut = isProjected ? new nn.Sequential(project, new nn.BatchNorm2d(16)) : null
  }

  override forward(x: Tensor): Tensor {
    const y = this.bn2.forward(this.conv2.forward(relu(this.bn1.forward(this.conv1.forward(x)))))
    return relu(add(y, this.shortcut ? this.shortcut.forward(x) : x))
  }
}

const images = (): Tensor => zeros([2, 6, 6, 16])

test('in evaluation norms, activations and the residual join the convolutions', async () => {
  setDefaultDevice(await openDevice())
  const block = new Block().eval()
  const step = compile((x: Tensor) => ({ y: block.forward(x) }))
  // Besides the two convolutions the factor of each norm, [16].
  expect(step.planFor(images()).cost().dispatches).toBe(4)
})

// Where a kernel binds eight buffers, there is none for a factor's two parts beside the residual; a norm of the shortcut joins its own.
test.each([
  [10, 2, false, 2],
  [8, 2, false, 3],
  [10, 2, true, 3],
  [8, 2, true, 4],
  // Of many images computing factors again takes longer than dispatches for them.
  [10, 8192, false, 4],
  [10, 8192, true, 6],
])(
  'on a GPU with %i buffers %i images take, with a projection %s, %i dispatches',
  (buffers, batch, projected, count) => {
    const limits = { maxStorageBuffersPerShaderStage: buffers, maxStorageBufferBindingSize: 2 ** 31 - 4 }
    const { device } = fakeDevice({}, limits)
    setDefaultDevice(device)
    const block = new Block(projected).eval()
    const { program } = traceFunction(device, (x) => block.forward(x as Tensor), [spec([batch, 6, 6, 16])])
    const { steps } = buildPlan(program, { reuse: true, poison: false, outputs: 'slots' })
    // Parts of the sum over channels are another matter.
    expect(steps.filter(({ program: { name } }) => name !== 'reduce/partials.wgsl')).toHaveLength(count)
  },
)

const wave = (n: number, speed: number, around = 0): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => around + 0.5 * Math.sin(speed * (i + 1)))

/** A norm in evaluation by its formula, in double precision, of [..., 16]. */
function normed(
  values: ArrayLike<number>,
  norm: nn.BatchNorm2d,
  state: Record<string, ArrayLike<number>>,
  name: string,
): number[] {
  const of = (part: string, c: number): number => (state[`${name}.${part}`] as ArrayLike<number>)[c] as number
  return Array.from(values, (v, i) => {
    const c = i % 16
    return ((v - of('running_mean', c)) / Math.sqrt(of('running_var', c) + norm.eps)) * of('weight', c) + of('bias', c)
  })
}

test.each([
  [false, false],
  [true, true],
])(
  'with a projection %s, on software %s, the values are those of the norms by themselves',
  async (projected, software) => {
    const real = await openDevice()
    const adapter = await navigator.gpu.requestAdapter()
    // WebGPU's own limits: eight buffers.
    const handle = (await adapter?.requestDevice()) as GPUDevice
    const device = new Device(handle, { ...real.info, features: [], software }, {})
    setDefaultDevice(device)
    const block = new Block(projected).eval()
    const state = await block.stateDict()
    const changed = Object.entries(state).map(([key, { shape, data }], i) => {
      const values = wave(data.length, 0.3 + 0.1 * i, /norm|weight|var|\.1\./.test(key) && data.length === 16 ? 1 : 0)
      return [key, { shape, data: data.length === 1 ? data : values }] as const
    })
    block.loadStateDict(Object.fromEntries(changed))
    const values = Object.fromEntries(changed.map(([key, { data }]) => [key, data]))
    const x = tensor(wave(2 * 6 * 6 * 16, 0.7), { shape: [2, 6, 6, 16] })

    const made = (v: readonly number[]): Tensor => tensor(Float32Array.from(v), { shape: [2, 6, 6, 16] })
    const first = normed(await block.conv1.forward(x).data(), block.bn1, values, 'bn1').map((v) => Math.max(v, 0))
    const branch = normed(await block.conv2.forward(made(first)).data(), block.bn2, values, 'bn2')
    const [project, norm] = block.shortcut?.layers ?? []
    const shortcut =
      project && norm
        ? normed(await project.forward(x).data(), norm as nn.BatchNorm2d, values, 'shortcut.1')
        : Array.from(await x.data())
    const y = await block.forward(x).data()
    branch.forEach((v, i) => {
      expect(y[i]).toBeCloseTo(Math.max(v + (shortcut[i] as number), 0), 4)
    })
    device.close()
    real.close()
  },
)

test('in training each convolution and norm takes few dispatches', async () => {
  setDefaultDevice(await openDevice())
  const block = new Block()
  const optimizer = new SGD(block.parameters(), { lr: 0.1 })
  const step = compile((x: Tensor) => {
    const y = block.forward(x)
    const loss = sum(mul(y, y))
    optimizer.minimize(loss)
    return { loss }
  })
  // Of each convolution and norm: the convolution, two for the statistics, their averages, the norm with what follows it; backward two
  // for sums, the gradient of the norm, that of the weights. Once that of the images, the loss, the optimizer.
  expect(step.planFor(images()).cost().dispatches).toBe(2 * 9 + 3)
})
