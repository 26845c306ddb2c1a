import { Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential } from 'wgrad/nn'
import type { NetworkKind } from './protocol.ts'

/** A network that reads digits: [n, 28, 28, 1] from 0 to 1 in, scores [n, 10] out. */
export function network(kind: NetworkKind): Sequential {
  if (kind === 'mlp') return new Sequential(new Flatten(), new Linear(784, 128), new ReLU(), new Linear(128, 10))
  return new Sequential(
    new Conv2d(1, 16, 3, { padding: 1 }),
    new ReLU(),
    new MaxPool2d(2),
    new Conv2d(16, 32, 3, { padding: 1 }),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Linear(7 * 7 * 32, 10),
  )
}
