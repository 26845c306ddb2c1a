import type { DType } from '../dtype.ts'
import type { Device } from '../gpu/device.ts'
import { numel } from '../shape.ts'
import { type Spec, type Storage, specBytes } from './value.ts'

/** Words made and written at a time. */
const chunkWords = 2 ** 20

/** 32 random bits of a counter (Steele et al. 2014, "Fast splittable pseudorandom number generators", in 32 bits). */
function bitsAt(counter: number): number {
  let h = Math.imul(counter ^ 0x9e3779b9, 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** Fills `words` with random elements from number `from` on: floats in [-1, 1), whole numbers from 0 to 3, booleans. */
function fillWords(words: Uint32Array, from: number, seed: number, dtype: DType): void {
  const floats = new Float32Array(words.buffer)
  for (let i = 0; i < words.length; i++) {
    const bits = bitsAt(seed + from + i)
    if (dtype === 'f32') floats[i] = (bits >>> 8) * 2 ** -23 - 1
    // Two numbers of either sign from 1/16 to 1.
    else if (dtype === 'f16') words[i] = (bits & 0x8fff8fff) + 0x2c002c00
    else words[i] = bits & (dtype === 'bool' ? 1 : 3)
  }
}

/** Writes the same random elements at every call with this seed. */
export async function fillRandom(device: Device, spec: Spec, storage: Storage, seed: number): Promise<void> {
  if (numel(spec.shape) === 0) return
  const count = specBytes(spec) / 4
  for (let from = 0; from < count; from += chunkWords) {
    const words = new Uint32Array(Math.min(chunkWords, count - from))
    fillWords(words, from, Math.imul(seed, 0x01000193), spec.dtype)
    device.handle.queue.writeBuffer(storage.block.buffer, storage.offset + 4 * from, words)
    // A page stays alive between the pieces.
    if (from + chunkWords < count) await device.handle.queue.onSubmittedWorkDone()
  }
}
