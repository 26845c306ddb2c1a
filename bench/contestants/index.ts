import type { OpenContestant } from '../workload.ts'

/** Loads a contestant's code only where it is asked for. */
type Load = () => Promise<OpenContestant>

/** How each contestant is opened. */
export const openers: Readonly<Record<string, Load>> = {
  wgrad: () => import('./wgrad.ts').then((m) => m.openWgrad),
  tfjs: () => import('./tfjs.ts').then((m) => m.openTfjs),
  jax: () => import('./jax.ts').then((m) => m.openJax),
}

/** Who may be put beside wgrad, with the package that it is. */
export const peers: Readonly<Record<string, string>> = {
  tfjs: '@tensorflow/tfjs-backend-webgpu',
  jax: '@jax-js/jax',
}
