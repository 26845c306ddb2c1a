import { expect, test } from 'vitest'
import { add, compile, mul, relu, setDefaultDevice, sum, type Tensor, zeros } from '../../src/index.ts'
import * as nn from '../../src/nn/index.ts'
import { openDevice } from '../../src/node.ts'
import { SGD } from '../../src/optim/index.ts'

class Block extends nn.Module {
  readonly conv1 = new nn.Conv2d(16, 16, 3, { padding: 1, bias: false })
  readonly bn1 = new nn.BatchNorm2d(16)
  readonly conv2 = new nn.Conv2d(16, 16, 3, { padding: 1, bias: false })
  readonly bn2 = new nn.BatchNorm2d(16)

  override forward(x: Tensor): Tensor {
    const y = this.bn2.forward(this.conv2.forward(relu(this.bn1.forward(this.conv1.forward(x)))))
    return relu(add(y, x))
  }
}

const images = (): Tensor => zeros([2, 6, 6, 16])

test('in evaluation norms, activations and the residual join the convolutions', async () => {
  setDefaultDevice(await openDevice())
  const block = new Block().eval()
  const step = compile((x: Tensor) => ({ y: block.forward(x) }))
  // Besides the two convolutions 1 / sqrt(variance + eps) of each norm, [16].
  expect(step.planFor(images()).cost().dispatches).toBe(4)
})

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
