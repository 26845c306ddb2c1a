/**
 * Does `work` with each input in turn. One that fails is told of, and the others go on; throws at the end where any has failed. A single
 * input throws its own error.
 */
export async function eachInput(
  inputs: readonly string[],
  work: (input: string, place: number) => Promise<void>,
  { system, kind }: { readonly system: string; readonly kind: string },
): Promise<void> {
  let failed = 0
  for (const [i, input] of inputs.entries()) {
    try {
      await work(input, i)
    } catch (error) {
      if (inputs.length === 1) throw error
      failed++
      console.error(`${kind} ${i + 1}: ${error instanceof Error ? error.message : error}`)
    }
  }
  if (failed > 0) throw new Error(`${system}: ${failed} of ${inputs.length} ${kind}s could not be read`)
}
