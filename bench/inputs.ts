import { inferenceOf } from './infer/models.ts'
import { type InputSpec, modelOf, type ParameterSpec } from './models.ts'
import type { Arrays, HostArray, Task } from './workload.ts'

/** Uniform numbers in [-1, 1), the same in every engine and process: a linear congruential generator, without roots or logarithms. */
export function uniform(seed: number, length: number, scale = 1): Float32Array<ArrayBuffer> {
  const out = new Float32Array(length)
  let state = (Math.imul(seed, 2654435761) + 1) >>> 0
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    out[i] = scale * (state / 2 ** 31 - 1)
  }
  return out
}

/** Whole numbers in [0, below). */
export function integers(seed: number, length: number, below: number): Int32Array<ArrayBuffer> {
  return Int32Array.from(uniform(seed, length), (u) => Math.min(below - 1, Math.floor(((u + 1) / 2) * below)))
}

/** The output's height and width. */
export function convOutput(task: { size: number; kernel: number; stride: number; padding: number }): number {
  return Math.floor((task.size + 2 * task.padding - task.kernel) / task.stride) + 1
}

function floats(seed: number, shape: readonly number[], scale = 1): HostArray {
  return {
    shape,
    data: uniform(
      seed,
      shape.reduce((a, b) => a * b, 1),
      scale,
    ),
  }
}

/**
 * What a task is given: the same numbers for every contestant and for the reference. Images are [n, h, w, c],
 * convolution weights [out, in, h, w].
 */
export function inputsOf(task: Task): Arrays {
  switch (task.kind) {
    case 'matmul': {
      const { m, k, n, transA, transB } = task
      return { a: floats(1, transA ? [k, m] : [m, k]), b: floats(2, transB ? [n, k] : [k, n]) }
    }
    case 'conv': {
      const { batch, size, cin, cout, kernel } = task
      const out = convOutput(task)
      return {
        x: floats(1, [batch, size, size, cin]),
        w: floats(2, [cout, cin, kernel, kernel], (cin * kernel * kernel) ** -0.5),
        dy: floats(3, [batch, out, out, cout]),
      }
    }
    case 'norm': {
      const { rows, columns } = task
      return {
        x: floats(1, [rows, columns]),
        weight: floats(2, [columns]),
        bias: floats(3, [columns]),
        dy: floats(4, [rows, columns]),
      }
    }
    case 'attention': {
      const shape = [task.batch, task.heads, task.sequence, task.dim]
      return { q: floats(1, shape, 2), k: floats(2, shape, 2), v: floats(3, shape), dy: floats(4, shape) }
    }
    case 'step': {
      const { x, y } = modelOf(task)
      return { x: drawn(101, x), y: drawn(102, y) }
    }
    case 'infer':
      return { x: drawn(101, inferenceOf(task).x) }
  }
}

/** The parameters of a training step, at its beginning, or of a published model by PyTorch's keys, in PyTorch's layout. */
export function parametersOf(task: Task): Arrays {
  return Object.fromEntries(
    specsOf(task).map(({ name, shape, scale, around }, i) => {
      const array = floats(1000 + i, shape, scale)
      if (around) for (let j = 0; j < array.data.length; j++) array.data[j] = (array.data[j] as number) + around
      return [name, array]
    }),
  )
}

function specsOf(task: Task): readonly ParameterSpec[] {
  if (task.kind === 'step') return modelOf(task).parameters
  return task.kind === 'infer' ? inferenceOf(task).parameters : []
}

function drawn(seed: number, { shape, classes }: InputSpec): HostArray {
  return classes ? { shape, data: integers(seed, count(shape), classes) } : floats(seed, shape)
}

function count(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1)
}
