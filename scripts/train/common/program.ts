import { Command } from 'commander'

/** What a program does, and the commands it has. */
export interface Program {
  /** What one types to run it, such as `npm run train --`. */
  readonly name: string
  readonly description: string
  readonly systems: readonly (() => Command)[]
}

/** Runs a command line of a program to its end, and ends the process. */
export async function runProgram({ name, description, systems }: Program): Promise<never> {
  const program = new Command(name)
    .description(description)
    .allowExcessArguments(false)
    .showHelpAfterError(`(${name} --help lists the systems)`)
  for (const system of systems) program.addCommand(system().allowExcessArguments(false))
  try {
    await program.parseAsync()
    // Dawn keeps the process alive; everything is written by now.
    process.exit(0)
  } catch (error) {
    console.error(process.env.DEBUG ? error : `\n${error instanceof Error ? error.message : error}`)
    process.exit(1)
  }
}
