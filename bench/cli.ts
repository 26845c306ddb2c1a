import { Option } from 'commander'
import { browserHost } from './hosts/browser.ts'
import { buildBundle } from './hosts/bundle.ts'
import { nodeHost } from './hosts/node.ts'
import { type BenchOptions, main } from './main.ts'
import { benchCommand } from './options.ts'
import type { Host } from './run/host.ts'

interface CliOptions extends BenchOptions {
  readonly node?: boolean
  readonly gpuBundle?: boolean
}

async function openHost({ node, adapter }: CliOptions): Promise<Host> {
  if (!node) return browserHost({ adapter })
  // Rooms are processes, which take their driver from here.
  if (adapter === 'software') process.env.WGRAD_DRIVER = 'swiftshader'
  return nodeHost()
}

const program = benchCommand()
  .option('--node', 'on Dawn in Node instead of headless Chrome')
  .addOption(new Option('--gpu-bundle', 'build out/gpu-bundle for a machine without npm, and measure nothing'))
  .parse()

try {
  const options = program.opts<CliOptions>()
  if (options.gpuBundle) console.log(`node ${await buildBundle()} --help`)
  else await main(options, { openHost: () => openHost(options) })
  // Dawn and Vite keep the process alive; everything is written by now.
  process.exit(0)
} catch (error) {
  console.error(process.env.DEBUG ? error : `\n${error instanceof Error ? error.message : error}`)
  process.exit(1)
}
