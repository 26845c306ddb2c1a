import { Command, InvalidArgumentError, Option } from 'commander'
import { peers, planted } from './contestants/index.ts'
import { suiteNames } from './run/bench.ts'

/** Names from a list, divided by commas; `all` is all of them and `none` none. `more` may be named too. */
function namesOf(known: readonly string[], more: readonly string[] = []): (text: string) => string[] {
  return (text) => {
    if (text === 'all') return [...known]
    if (text === 'none') return []
    const names = text.split(',').map((name) => name.trim())
    const unknown = names.filter((name) => !known.includes(name) && !more.includes(name))
    if (unknown.length > 0)
      throw new InvalidArgumentError(`${unknown.join(', ')}: it must be of ${known.join(', ')}, or all.`)
    return names
  }
}

function whole(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number, 1 or more.')
  return value
}

/** The command line. */
export function benchCommand(): Command {
  return new Command('npm run bench --')
    .description('Measures wgrad beside other engines on this machine, in headless Chrome or in Node.')
    .option('--suite <names>', `suites, divided by commas: ${suiteNames.join(', ')}, or all`, namesOf(suiteNames), [
      'steps',
      'gemm',
    ])
    .option(
      '--peers <names>',
      `beside wgrad: ${Object.keys(peers).join(', ')}, all or none`,
      namesOf(Object.keys(peers), planted),
      [...Object.keys(peers)],
    )
    .option('--only <text>', 'workloads whose name has this in it')
    .addOption(
      new Option('--adapter <which>', 'a real GPU, a software adapter, or a GPU where there is one')
        .choices(['auto', 'hardware', 'software'])
        .default('auto'),
    )
    .option('--quick', 'fewer rounds, and at most 20 s for a contestant with a workload')
    .option('--repeat <n>', 'rounds, in which each contestant gives one sample', whole, 15)
    .option('--json <file>', 'write all figures to a file')
    .option('--against <file>', 'print what moved since a run that --json wrote')
    .addOption(
      new Option('--plant <fault>', 'put a fault into wgrad itself, to see that it is shown').choices(
        planted.map((name) => name.replace('planted-', '')),
      ),
    )
    .option('--out <folder>', 'where to write bench.html', 'out')
    .allowExcessArguments(false)
    .showHelpAfterError('(npm run bench -- --help lists the options)')
}
