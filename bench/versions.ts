import { version as jax } from '../node_modules/@jax-js/jax/package.json'
import { version as tfjs } from '../node_modules/@tensorflow/tfjs-backend-webgpu/package.json'
import { version as ort } from '../node_modules/onnxruntime-web/package.json'
import { version as wgrad } from '../package.json'

/** Versions of wgrad and of each engine, as installed. */
export const versions: Readonly<Record<string, string>> = { wgrad, tfjs, jax, ort }
