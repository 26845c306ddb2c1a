import mapWgsl from '../../shaders/map/map.wgsl?raw'
import { defineKernel, type Kernel } from '../gpu/kernel.ts'

/** The kernel that every elementwise group is written into. */
export const mapKernel: Kernel = defineKernel(
  'map/map.wgsl',
  mapWgsl,
  { DECLS: 'code', BODY: 'code', N: 'u32', ROW: 'u32', THREADS: 'int' },
  [],
)
