import type { OpenContestant } from '../workload.ts'

/** Loads a contestant's code only where it is asked for. */
type Load = () => Promise<OpenContestant>

/** wgrad with a fault on purpose, to see that it is shown. */
export const planted: readonly string[] = ['planted-wrong', 'planted-throws', 'planted-hangs', 'planted-slow']

/** How each contestant is opened. */
export const openers: Readonly<Record<string, Load>> = {
  wgrad: () => import('./wgrad.ts').then((m) => m.openWgrad),
  tfjs: () => import('./tfjs.ts').then((m) => m.openTfjs),
  jax: () => import('./jax.ts').then((m) => m.openJax),
  ort: () => import('./ort.ts').then((m) => m.openOrt),
  ...Object.fromEntries(planted.map((name) => [name, () => import('./planted.ts').then((m) => m.openPlanted(name))])),
}

/** Who may be put beside wgrad, with the package that it is. */
export const peers: Readonly<Record<string, string>> = {
  tfjs: '@tensorflow/tfjs-backend-webgpu',
  jax: '@jax-js/jax',
  ort: 'onnxruntime-web',
}
