import { defineConfig } from 'vitest/config'
import { compactWgsl } from './scripts/compact-wgsl.ts'

const entries = ['index', 'nn/index', 'optim/index', 'data/index', 'io/index', 'train/index', 'models/index', 'node']

export default defineConfig({
  plugins: [compactWgsl()],
  build: {
    target: 'es2022',
    sourcemap: true,
    minify: false,
    lib: {
      entry: entries.map((name) => `src/${name}.ts`),
      formats: ['es'],
    },
    rollupOptions: {
      external: [/^node:/, 'webgpu', /^wgsl-preprocessor/],
      // One file per module, so that an app's bundler drops what the app does not use.
      output: {
        preserveModules: true,
        preserveModulesRoot: 'src',
        // npm leaves folders named node_modules out of a package.
        entryFileNames: ({ name }) => `${name.replace(/^.*node_modules\//, 'vendor/')}.js`,
      },
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
          exclude: [
            'tests/house/**',
            'tests/environments/**',
            'tests/package/**',
            'tests/demos/**',
            'tests/**/fixtures/**',
          ],
          setupFiles: ['tests/support/setup.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'environments',
          include: ['tests/{environments,package,demos}/**/*.test.ts'],
          globalSetup: ['tests/demos/folder.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
