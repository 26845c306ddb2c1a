import { WgradError } from '../errors.ts'
import { ArrayDataset } from './dataset.ts'
import type { Idx } from './idx.ts'

/**
 * Images and their labels, as two IDX files hold them, made ready to train on.
 *
 * @param images Bytes [n, height, width] or [n, height, width, channels].
 * @param labels Whole numbers [n].
 * @returns `x` [n, height, width, channels], f32 from 0 to 1, and `y` [n], i32.
 */
export function imageDataset(images: Idx, labels: Idx): ArrayDataset<'x' | 'y'> {
  const { shape } = images
  if (images.dtype !== 'u8' || (shape.length !== 3 && shape.length !== 4)) {
    throw new WgradError(
      `imageDataset: images are ${images.dtype} [${shape.join(', ')}]; they must be u8 [n, height, width] or u8 [n, height, width, channels]`,
    )
  }
  if (labels.dtype === 'f32' || labels.dtype === 'f64' || labels.shape.length !== 1 || labels.shape[0] !== shape[0]) {
    throw new WgradError(
      `imageDataset: labels are ${labels.dtype} [${labels.shape.join(', ')}]; ${shape[0]} images need whole numbers [${shape[0]}]`,
    )
  }
  return new ArrayDataset({
    x: { data: images.data, shape: shape.length === 3 ? [...shape, 1] : shape, scale: 1 / 255 },
    y: { data: labels.data, shape: labels.shape, dtype: 'i32' },
  })
}
