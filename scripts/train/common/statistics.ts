/** The mean of values. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** The standard deviation of the distribution that values were drawn from; 0 for a single one. */
export function deviation(values: readonly number[]): number {
  const center = mean(values)
  return Math.sqrt(values.reduce((sum, x) => sum + (x - center) ** 2, 0) / Math.max(1, values.length - 1))
}

/** A score over the seeds of a run, for people: `accuracy: 0.9700 +- 0.0020 (3 seeds)`. */
export function overSeeds(name: string, values: readonly number[]): string {
  const seeds = `${values.length} ${values.length === 1 ? 'seed' : 'seeds'}`
  return `${name}: ${mean(values).toFixed(4)} +- ${deviation(values).toFixed(4)} (${seeds})`
}
