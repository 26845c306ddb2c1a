import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readAll } from '../../src/graph/tensor.ts'
import {
  compile,
  crossEntropy,
  type Device,
  globalAvgPool2d,
  grad,
  manualSeed,
  relu,
  slice,
  type Tensor,
  tensor,
  zeros,
} from '../../src/index.ts'
import { readSafetensors, writeSafetensors } from '../../src/io/index.ts'
import {
  gradCam,
  ImageClassifier,
  type ImageModelConfig,
  imageInput,
  imageModel,
  loadImageModel,
  mixedLoss,
  mixup,
  normalizeChannels,
  parseClassNames,
  predictImages,
  randomCrop,
  randomHorizontalFlip,
  randomResizedCrop,
  saveImageModel,
  topClasses,
} from '../../src/models/index.ts'
import { Conv2d, Linear } from '../../src/nn/index.ts'
import { openDevice } from '../../src/node.ts'
import { uniform } from '../golden/formula.ts'
import { sizeOf } from '../golden/golden.ts'
import { golden } from './resnet-golden.ts'

let device: Device
beforeAll(async () => {
  device = await openDevice()
})
afterAll(() => device.close())

/** [count, height, width, 1], whose pixels tell their place: 100 image + 10 row + column + 1. */
function places(count: number, height: number, width: number): Tensor {
  const value = (i: number): number =>
    100 * Math.floor(i / (height * width)) + 10 * (Math.floor(i / width) % height) + (i % width) + 1
  return tensor(
    Float32Array.from({ length: count * height * width }, (_, i) => value(i)),
    {
      shape: [count, height, width, 1],
    },
  )
}

describe('augmentation', () => {
  it('cuts each image at a place of its own', async () => {
    manualSeed(3)
    const [count, side, padding] = [40, 5, 2]
    const cut = Array.from(await randomCrop(padding)(places(count, side, side)).data())
    const seen = new Set<string>()
    for (let n = 0; n < count; n++) {
      const image = cut.slice(n * side * side, (n + 1) * side * side)
      const at = image.findIndex((value) => value > 0)
      const first = (image[at] as number) - 1 - 100 * n
      const [dy, dx] = [Math.floor(first / 10) - Math.floor(at / side), (first % 10) - (at % side)]
      const expected = image.map((_, i) => {
        const [y, x] = [Math.floor(i / side) + dy, (i % side) + dx]
        return y < 0 || x < 0 || y >= side || x >= side ? 0 : 100 * n + 10 * y + x + 1
      })
      expect(image).toEqual(expected)
      expect(Math.max(Math.abs(dy), Math.abs(dx))).toBeLessThanOrEqual(padding)
      seen.add(`${dy} ${dx}`)
    }
    expect(seen.size).toBeGreaterThan(12)
  })

  it('mirrors about as many images as asked', async () => {
    manualSeed(4)
    const images = places(400, 2, 3)
    const [before, after] = (await readAll([images, randomHorizontalFlip(0.3)(images)])) as [Float32Array, Float32Array]
    let mirrored = 0
    for (let at = 0; at < before.length; at += 6) {
      const rows = Array.from(before.slice(at, at + 6))
      const other = [rows.slice(0, 3).reverse(), rows.slice(3).reverse()].flat()
      const now = Array.from(after.slice(at, at + 6))
      expect([rows, other]).toContainEqual(now)
      if (now[0] !== rows[0]) mirrored++
    }
    expect(mirrored / 400).toBeGreaterThan(0.2)
    expect(mirrored / 400).toBeLessThan(0.4)
  })

  it('resizes parts of images, which stay planes where the images are', async () => {
    manualSeed(5)
    const count = 60
    const cut = await randomResizedCrop([4, 6], { scale: [0.2, 0.6] })(places(count, 9, 9)).data()
    const shares: number[] = []
    for (let n = 0; n < count; n++) {
      const at = (y: number, x: number): number => (cut[(n * 4 + y) * 6 + x] as number) - 100 * n - 1
      // Between pixels' centers the plane 10 y + x is met exactly; beyond the outermost it is cut off.
      const [down, across] = [(at(2, 2) - at(1, 2)) / 10, at(1, 3) - at(1, 2)]
      expect(at(2, 3)).toBeCloseTo(at(1, 2) + 10 * down + across, 2)
      shares.push((4 * down * 6 * across) / 81)
    }
    expect(Math.min(...shares)).toBeGreaterThan(0.19)
    expect(Math.max(...shares)).toBeLessThan(0.61)
    expect(Math.max(...shares) - Math.min(...shares)).toBeGreaterThan(0.25)
  })

  it('leaves an image whole where all of it is asked for', async () => {
    const images = places(2, 4, 4)
    const same = randomResizedCrop(4, { scale: [1, 1], ratio: [1, 1] })(images)
    const [before, after] = await readAll([images, same])
    for (const [i, value] of (before ?? []).entries()) expect(after?.[i]).toBeCloseTo(value, 3)
  })

  it('says what is wrong', () => {
    expect(() => randomCrop(0)).toThrowErrorMatchingInlineSnapshot(
      `[WgradError: randomCrop: padding is 0; it must be a whole number above 0]`,
    )
    expect(() => randomHorizontalFlip(2)).toThrowErrorMatchingInlineSnapshot(
      `[WgradError: randomHorizontalFlip: p is 2; it must be from 0 to 1]`,
    )
    expect(() => randomResizedCrop(8, { scale: [0.5, 0.1] })).toThrowErrorMatchingInlineSnapshot(
      `[WgradError: randomResizedCrop: scale is [0.5, 0.1]; it must be two numbers above 0, the smaller first]`,
    )
    expect(() => randomCrop(1)(tensor([1, 2]))).toThrowErrorMatchingInlineSnapshot(
      `[WgradError: randomCrop: the images are [2]; they must be [images, height, width, channels]]`,
    )
    expect(() => normalizeChannels()(places(1, 2, 2))).toThrowErrorMatchingInlineSnapshot(
      `[WgradError: normalizeChannels: 3 means and 3 deviations for images [1, 2, 2, 1]; give one of each for each channel]`,
    )
  })
})

describe('mixup', () => {
  it('mixes each image and the loss of its class by one share', async () => {
    manualSeed(6)
    const mixed = mixup(places(3, 1, 1), 1)
    const logits = tensor([1, 2, 0, 0, 1, 3, 2, 2, 1], { shape: [3, 3] })
    const classes = tensor(Int32Array.of(0, 1, 2))
    const loss = mixedLoss(mixed, classes, (y) => crossEntropy(logits, y))
    const neighbours = crossEntropy(logits, tensor(Int32Array.of(2, 0, 1)))
    const parts = await readAll([mixed.images, mixed.share, loss, crossEntropy(logits, classes), neighbours])
    const [images, [share], [total], [own], [other]] = parts as unknown as [
      number[],
      number[],
      number[],
      number[],
      number[],
    ]
    const s = share as number
    expect(s).toBeGreaterThanOrEqual(0.5)
    ;[1, 101, 201].forEach((value, i) => {
      expect(images[i]).toBeCloseTo(s * value + (1 - s) * ([201, 1, 101][i] as number), 3)
    })
    expect(total).toBeCloseTo(s * (own as number) + (1 - s) * (other as number), 5)
  })

  // The mean of the larger share, by four million draws of numpy: 0.8988, 0.75 and 0.6563 for these.
  it.each([
    [0.2, 0.8988],
    [1, 0.75],
    [3, 0.6563],
  ])('draws shares of Beta(%d, %d)', async (alpha, mean) => {
    manualSeed(7)
    const draw = compile(() => mixup(zeros([1, 1, 1, 1]), alpha).share)
    const shares: number[] = []
    for (let i = 0; i < 200; i++) shares.push((await draw().data())[0] as number)
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(0.5)
    expect(Math.max(...shares)).toBeLessThanOrEqual(1)
    expect(shares.reduce((a, b) => a + b) / shares.length).toBeCloseTo(mean, 1)
  })
})

/** A classifier of two layers. */
class Tiny extends ImageClassifier {
  readonly conv = new Conv2d(1, 5, 3, { padding: 1 })
  readonly fc = new Linear(5, 3)

  features(x: Tensor): Tensor {
    return relu(this.conv.forward(x))
  }
}

describe('predictions', () => {
  it('show where the gradient of a class says that it looks', async () => {
    const model = new Tiny()
    const x = tensor(Float32Array.from(uniform(8, 0, 2 * 16)), { shape: [2, 4, 4, 1] })
    const classes = Int32Array.of(2, 0)
    const maps = tensor(Float32Array.from(await model.features(x).data()), { shape: [2, 4, 4, 5], requiresGrad: true })
    const logits = model.fc.forward(globalAvgPool2d(maps))
    const [slope] = grad(logits, [maps], tensor([0, 0, 1, 1, 0, 0], { shape: [2, 3] }))
    const [heat, values, slopes] = await readAll([gradCam(model, maps, tensor(classes)), maps, slope as Tensor])
    for (let n = 0; n < 2; n++) {
      const weights = [0, 1, 2, 3, 4].map((f) =>
        Array.from({ length: 16 }, (_, i) => slopes?.[(n * 16 + i) * 5 + f] as number).reduce((a, b) => a + b),
      )
      const raw = Array.from({ length: 16 }, (_, i) =>
        Math.max(
          0,
          weights.reduce((sum, w, f) => sum + w * (values?.[(n * 16 + i) * 5 + f] as number), 0),
        ),
      )
      const most = Math.max(...raw, 1e-12)
      for (const [i, value] of raw.entries()) expect(heat?.[n * 16 + i]).toBeCloseTo(value / most, 4)
    }
  })

  it('add up to 1, with a map for the likeliest class', async () => {
    const model = new Tiny()
    const x = places(2, 4, 4)
    const { probabilities, heat } = predictImages(model, x)
    const [p, made, logits, maps] = await readAll([probabilities, heat, model.forward(x), model.features(x)])
    for (let n = 0; n < 2; n++) {
      const row = Array.from(p ?? []).slice(3 * n, 3 * n + 3)
      expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 5)
      const scores = Array.from(logits ?? []).slice(3 * n, 3 * n + 3)
      expect(row.indexOf(Math.max(...row))).toBe(scores.indexOf(Math.max(...scores)))
    }
    const best = [0, 1].map((n) => {
      const scores = Array.from(logits ?? []).slice(3 * n, 3 * n + 3)
      return scores.indexOf(Math.max(...scores))
    })
    const again = gradCam(model, tensor(maps as Float32Array, { shape: [2, 4, 4, 5] }), tensor(Int32Array.from(best)))
    expect(Array.from(made ?? [])).toEqual(Array.from(await again.data()))
  })

  it('take the middle of an image', async () => {
    const data = Uint8ClampedArray.from({ length: 64 * 32 * 4 }, (_, i) => (i % 4 === 3 ? 255 : Math.floor(i / 4) % 64))
    const config: ImageModelConfig = {
      architecture: 'resnet18',
      classes: ['a'],
      channels: 3,
      size: 28,
      mean: [0, 0, 0],
      std: [1, 1, 1],
    }
    const image = { width: 64, height: 32, data }
    const whole = imageInput(image, { ...config, size: 32 })
    expect(whole.shape).toEqual([1, 32, 32, 3])
    const [corner] = await slice(whole, [null, [0, 1], [0, 1], [0, 1]]).data()
    expect((corner as number) * 255).toBeCloseTo(16, 3)
    const x = imageInput(image, { ...config, cropShare: 7 / 8 })
    expect(x.shape).toEqual([1, 28, 28, 3])
    // A square of 32 pixels from the middle, and 28 of those.
    const [first, second] = await readAll([
      slice(x, [null, [0, 1], [0, 1], [0, 1]]),
      slice(x, [null, [5, 6], [27, 28], [0, 1]]),
    ])
    expect((first?.[0] as number) * 255).toBeCloseTo(18, 3)
    expect((second?.[0] as number) * 255).toBeCloseTo(45, 3)
  })

  it('name the likeliest classes', () => {
    expect(topClasses([0.1, 0.6, 0.3], ['a', 'b', 'c'], 2)).toEqual([
      { name: 'b', probability: 0.6 },
      { name: 'c', probability: 0.3 },
    ])
    expect(() => topClasses([1], ['a', 'b'])).toThrowErrorMatchingInlineSnapshot(
      `[WgradError: topClasses: 1 probabilities for 2 classes; give the names of all classes, in the order of the outputs]`,
    )
  })
})

describe('names of classes', () => {
  it.each([
    ['lines', 'tench\ngreat_white_shark\n'],
    ['numbered lines', '1, great_white_shark\r\n0, tench\r\n'],
    ['an array', '["tench", "great white shark"]'],
    ['an object', '{"0": ["n01440764", "tench"], "1": ["n01484850", "great_white_shark"]}'],
  ])('are read from %s', (_, text) => {
    expect(parseClassNames(text)).toEqual(['tench', 'great white shark'])
  })

  it('must be complete', () => {
    expect(() => parseClassNames('0 a\n2 b')).toThrowErrorMatchingInlineSnapshot(
      `[WgradError: parseClassNames: class 2 of 2; each number from 0 to 1 must come once]`,
    )
    expect(() => parseClassNames('{"0": "a"')).toThrow(/^parseClassNames: the file is no JSON/)
  })
})

describe('files of classifiers', () => {
  const config: ImageModelConfig = {
    architecture: 'resnet20',
    classes: ['cat', 'dog'],
    channels: 1,
    size: 12,
    mean: [0.5],
    std: [0.5],
    width: 4,
    cropShare: 0.9,
  }

  it('come back as they were', async () => {
    const model = imageModel(config)
    const file = await saveImageModel({ model, config })
    const loaded = await loadImageModel(file)
    expect(loaded.config).toEqual(config)
    expect(loaded.model.training).toBe(false)
    expect(await loaded.model.stateDict()).toEqual(await model.stateDict())
  })

  it('of torchvision are known by their keys, also without counts of batches', async () => {
    const entries = (golden.state['18'] ?? []).flatMap((line) => {
      const [key = '', sizes = ''] = line.split(' ')
      const shape = (key.startsWith('fc.') ? sizes.replace(/^1000/, '3') : sizes).split('x').map(Number)
      return sizes === '' ? [] : [[key, { shape, data: new Float32Array(sizeOf(shape)).fill(0.25) }] as const]
    })
    const { model, config: found } = await loadImageModel(writeSafetensors(Object.fromEntries(entries)))
    expect(found).toMatchObject({ architecture: 'resnet18', channels: 3, size: 224, cropShare: 7 / 8 })
    expect(found.classes).toEqual(['class 0', 'class 1', 'class 2'])
    expect((await model.fc.weight.data()).every((value) => value === 0.25)).toBe(true)
  })

  it('of another architecture are refused', async () => {
    const other = writeSafetensors({ 'encoder.weight': { shape: [2], data: [1, 2] } })
    await expect(loadImageModel(other)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[WgradError: loadImageModel: the file has 1 tensors (encoder.weight, …), which are of no residual network known here; it must hold weights of resnet18, resnet34, resnet50, resnet101, resnet152 by torchvision's keys, or be one that saveImageModel made]`,
    )
    const state = await readSafetensors(await saveImageModel({ model: imageModel(config), config }))
    const wide = { metadata: { wgrad: JSON.stringify({ ...config, width: 8 }) } }
    await expect(loadImageModel(writeSafetensors(state, wide))).rejects.toThrow(
      /^loadStateDict: conv1\.weight is \[4, 1, 3, 3\] with 36 values, the model's is \[8, 1, 3, 3\]/,
    )
    const narrow = JSON.stringify({ ...config, cropShare: 0 })
    for (const broken of ['{', '{}', '{"architecture": "resnet20", "classes": []}', narrow])
      await expect(loadImageModel(writeSafetensors(state, { metadata: { wgrad: broken } }))).rejects.toThrow(
        /^loadImageModel: the file's config/,
      )
  })
})
