const matmul = 'tests/gpu/matmul-kernels.test.ts'
const conv = 'tests/gpu/conv-kernels.test.ts'
const pool = 'tests/gpu/pool-kernels.test.ts'
const ops = 'tests/ops/ops.test.ts'

/** Breakages of shaders and of what is written into them. */
export const kernels = [
  {
    name: 'register tiles: rows past the end are stored',
    file: 'shaders/matmul/tile.wgsl',
    search: 'if (m_start + ${I}u >= ${M}u) {',
    replace: 'if (m_start + ${I}u > ${M}u) {',
    tests: [matmul],
  },
  {
    name: 'register tiles: the rest of K is left out',
    file: 'shaders/matmul/tile.wgsl',
    search: '#for U in K / 4 * 4..K\n',
    replace: '#for U in K / 4 * 4 + 1..K\n',
    tests: [matmul],
  },
  {
    name: 'swapping threads: rows are stored in the order of one thread alone',
    file: 'shaders/matmul/quads.wgsl',
    search: '(lane ^ ${I % 4}u)',
    replace: '${I % 4}u',
    tests: [matmul],
  },
  {
    name: 'swapping threads: columns past the end are stored',
    file: 'shaders/matmul/quads.wgsl',
    search: 'if (n${J} < ${N}u) {',
    replace: 'if (n${J} <= ${N}u) {',
    tests: [matmul],
  },
  {
    name: 'shared tiles: filled again before they are read',
    file: 'shaders/matmul/shared.wgsl',
    search: '#endif\n    workgroupBarrier();\n  }\n\n#if SUMS',
    replace: '#endif\n  }\n\n#if SUMS',
    tests: [matmul],
  },
  {
    name: 'shared tiles: the last block of K is left out',
    file: 'shaders/matmul/shared.wgsl',
    search: 'block < ${((K + BK - 1) / BK + SPLITS - 1) / SPLITS}u',
    replace: 'block < ${(K / BK + SPLITS - 1) / SPLITS}u',
    tests: [matmul],
  },
  {
    name: 'convolution: padding reads the neighbouring row',
    file: 'shaders/conv/forward.wgsl',
    search: '(u32(h${I}) < ${H}u) & (u32(column${I}) < ${W}u);',
    replace: '(u32(h${I}) < ${H}u);',
    tests: [conv],
  },
  {
    name: 'convolution: dilation ignored across',
    file: 'shaders/conv/forward.wgsl',
    search: 'i32(kw * ${DW}u)',
    replace: 'i32(kw)',
    tests: [conv],
  },
  {
    name: 'input gradient: the last columns are stored into the next pixel',
    file: 'shaders/conv/input_grad.wgsl',
    search: 'if (c${J} < ${C}u) {',
    replace: 'if (c${J} <= ${C}u) {',
    tests: [conv],
  },
  {
    name: 'average pooling: padding counted the wrong way',
    file: 'shaders/pool/avg.wgsl',
    search: '- max(left, 0i);',
    replace: '- left;',
    tests: [pool],
  },
  {
    name: 'max pooling: one window too few gives to a pixel',
    file: 'shaders/lib/pool_windows.wgsl',
    search: '#for S in 0..REACH_W\n',
    replace: '#for S in 1..REACH_W\n',
    tests: [pool],
  },
  {
    name: 'reduction tree: no barrier between levels',
    file: 'shaders/reduce/tree.wgsl',
    search: '    workgroupBarrier();\n',
    replace: '',
    tests: [ops],
  },
  {
    name: 'reduction in parts: elements past the end are taken',
    file: 'shaders/reduce/parts.wgsl',
    search: 'if (r < ${REDUCED}) {',
    replace: 'if (r <= ${REDUCED}) {',
    tests: [ops],
  },
  {
    name: 'elementwise: writes past the end',
    file: 'shaders/map/map.wgsl',
    search: 'if (i >= ${N}) {',
    replace: 'if (i > ${N}) {',
    tests: [ops],
  },
  {
    name: 'random numbers: one round less',
    file: 'shaders/lib/philox.wgsl',
    search: 'round < 10u',
    replace: 'round < 9u',
    tests: [ops],
  },
  {
    name: 'Adam: no bias correction of the second moment',
    file: 'shaders/optim/adam.wgsl',
    search: 'sqrt(square) * hyper[8]',
    replace: 'sqrt(square)',
    tests: [ops],
  },
  {
    name: 'gather: the gradient takes each id once',
    file: 'shaders/gather/links.wgsl',
    search: 'start = i - ${SIZE}u + 1u;',
    replace: 'start = ${COUNT}u;',
    tests: [ops],
  },
  {
    name: 'index arithmetic: axes joined although their strides do not fit',
    file: 'src/ops/indexing.ts',
    search: 'if (last && last.stride === stride * size) {',
    replace: 'if (last && last.stride >= stride * size) {',
    tests: ['tests/engine/passes.test.ts', ops],
  },
]
