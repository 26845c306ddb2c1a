import { readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError, type Option } from 'commander'

/**
 * Adds `--config <file>`: JSON with values for the other options, by their long names (`batch-size` or `batchSize`). Flags win, wherever
 * they stand; what neither gives keeps its default.
 */
export function addConfigOption(command: Command): Command {
  return command
    .option('--config <file>', 'JSON file with values for these options, such as {"epochs": 8}; flags win')
    .on('option:config', (file: string) => applyConfig(command, file))
}

function applyConfig(command: Command, file: string): void {
  const refuse: (what: string) => never = (what) => command.error(`error: --config ${file}: ${what}`)
  for (const [key, value] of Object.entries(readConfig(file, refuse))) {
    const option = command.options.find((each) => each.attributeName() === key || each.name() === key)
    if (!option || option.attributeName() === 'config') {
      const known = command.options.map((each) => each.name()).filter((name) => name !== 'config')
      refuse(`there is no option ${JSON.stringify(key)}; there are ${known.join(', ')}`)
    }
    const name = option.attributeName()
    if (command.getOptionValueSource(name) === 'cli') continue
    command.setOptionValueWithSource(name, parsed(option, value, refuse), 'config')
  }
}

function readConfig(file: string, refuse: (what: string) => never): Record<string, unknown> {
  let config: unknown
  try {
    config = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    return refuse(`cannot be read (${(error as Error).message}); give a JSON file`)
  }
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    return refuse('holds no object; write {"epochs": 8}')
  return config as Record<string, unknown>
}

/** A value as the flag would have given it, checked by the same rules. */
function parsed(option: Option, value: unknown, refuse: (what: string) => never): unknown {
  const shown = `${option.name()} is ${JSON.stringify(value)}`
  if (option.isBoolean()) return typeof value === 'boolean' ? value : refuse(`${shown}; it must be true or false`)
  const isPairs = typeof value === 'object' && !Array.isArray(value)
  if (value === null || (isPairs && !option.parseArg)) return refuse(`${shown}; it must be a number or a text`)
  const text = textOf(value)
  try {
    return option.parseArg ? option.parseArg(text, undefined) : text
  } catch (error) {
    if (error instanceof InvalidArgumentError) return refuse(`${shown}. ${error.message}`)
    throw error
  }
}

/** What a flag would be given: lists with commas, and pairs as `name:value`. */
function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.join(',')
  if (typeof value !== 'object' || value === null) return String(value)
  return Object.entries(value)
    .map((pair) => pair.join(':'))
    .join(',')
}
