// npm run demos: serves the demo pages. npm run demos:build: writes them to dist-demos, for any static server.
import { build, createServer, mergeConfig } from 'vite'
import { demosConfig } from './demos-config.ts'

if (process.argv[2] === 'build') {
  await build(demosConfig())
} else {
  const server = await createServer(mergeConfig(demosConfig(), { server: { open: process.argv.includes('--open') } }))
  await server.listen()
  server.printUrls()
}
