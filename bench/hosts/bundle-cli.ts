// The program of the bundle: the bench in Node, without a browser.
import { fileURLToPath } from 'node:url'
import { type BenchOptions, main } from '../main.ts'
import { benchCommand } from '../options.ts'
import { nodeHost } from './node.ts'

try {
  const options = benchCommand().parse().opts<BenchOptions>()
  if (options.adapter === 'software') process.env.WGRAD_DRIVER = 'swiftshader'
  // As text behind a variable, so that the bundler leaves it alone: the file lies beside this one.
  const child = 'child.mjs'
  const openHost = async (): Promise<ReturnType<typeof nodeHost>> =>
    nodeHost(fileURLToPath(new URL(child, import.meta.url)))
  await main(options, { openHost })
  process.exit(0)
} catch (error) {
  console.error(process.env.DEBUG ? error : `\n${error instanceof Error ? error.message : error}`)
  process.exit(1)
}
