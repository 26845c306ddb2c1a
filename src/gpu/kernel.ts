import type { Access } from './pipelines.ts'
import { defineTemplate, type ParamTypes, type Template } from './template.ts'

/** A shader file, its parameters, and the buffers it binds, in order. */
export interface Kernel {
  readonly name: string
  readonly template: Template
  readonly bindings: readonly { readonly name: string; readonly access: Access }[]
}

/**
 * Declares a kernel. `bindings` lists the buffers that the file itself binds, as `name` (read) or `name: read_write`;
 * buffers of generated loads and stores follow them. The declaration is compared with the WGSL whenever a pipeline is
 * made.
 */
/* @__NO_SIDE_EFFECTS__ */
export function defineKernel<const P extends ParamTypes>(
  file: string,
  text: string,
  params: P,
  bindings: readonly string[],
  includes: Readonly<Record<string, string>> = {},
): Kernel {
  return {
    name: file.replace(/\.wgsl$/, ''),
    template: defineTemplate(`shaders/${file}`, text, params, includes) as unknown as Template,
    bindings: bindings.map((b) => {
      const [name = '', access = 'read'] = b.split(': ')
      return { name, access: access === 'read_write' ? 'read_write' : 'read' }
    }),
  }
}
