import { defineConfig } from 'vitest/config'
import { compactWgsl } from './scripts/compact-wgsl.ts'

const entries = { index: 'index', nn: 'nn/index', optim: 'optim/index', data: 'data/index', node: 'node' }

export default defineConfig({
  plugins: [compactWgsl()],
  build: {
    target: 'es2022',
    sourcemap: true,
    minify: false,
    lib: {
      entry: Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, `src/${file}.ts`])),
      formats: ['es'],
    },
    rollupOptions: {
      external: [/^node:/, 'webgpu', /^wgsl-preprocessor/],
      output: { chunkFileNames: 'chunks/[name]-[hash].js' },
    },
  },
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    env: { WGRAD_DRIVER: process.env.WGRAD_DRIVER ?? 'swiftshader' },
    projects: [
      {
        extends: true,
        test: {
          name: 'house',
          include: ['tests/house/**/*.test.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'node',
          include: ['tests/**/*.test.ts'],
          exclude: ['tests/house/**', 'tests/environments/**', 'tests/package/**', 'tests/**/fixtures/**'],
          setupFiles: ['tests/support/setup.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'environments',
          include: ['tests/environments/**/*.test.ts', 'tests/package/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
