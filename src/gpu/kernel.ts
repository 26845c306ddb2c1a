import type { Access } from './pipelines.ts'
import { defineTemplate, type ParamTypes, type Template } from './template.ts'

/** A shader file, its parameters, and the buffers it binds, in order. */
export interface Kernel {
  readonly name: string
  readonly template: Template
  readonly bindings: readonly KernelBinding[]
}

/** A buffer that a shader file itself binds. */
export interface KernelBinding {
  readonly name: string
  readonly access: Access
  /** The parameter that gives the type of the stored elements, where that may be f32 or f16. */
  readonly type?: string
}

/**
 * Declares a kernel. `bindings` lists the buffers that the file itself binds, as `name` (read), as `name: NAME_TYPE` (read, its elements
 * being stored as that parameter says, f32 or f16) or as `name: read_write`; buffers of generated loads and stores follow them. The
 * declaration is compared with the WGSL whenever a pipeline is made.
 */
/* @__NO_SIDE_EFFECTS__ */
export function defineKernel<const P extends ParamTypes>(
  file: string,
  text: string,
  params: P,
  bindings: readonly string[],
  includes: Readonly<Record<string, string>> = {},
): Kernel {
  const bound = bindings.map((binding): KernelBinding => {
    const [name = '', what = 'read'] = binding.split(': ')
    if (what === 'read' || what === 'read_write') return { name, access: what }
    return { name, access: 'read', type: what }
  })
  const types: ParamTypes = Object.fromEntries(bound.flatMap(({ type }) => (type ? [[type, 'type'] as const] : [])))
  return {
    name: file.replace(/\.wgsl$/, ''),
    template: defineTemplate(`shaders/${file}`, text, { ...params, ...types }, includes) as unknown as Template,
    bindings: bound,
  }
}
