declare module 'wgsl-preprocessor/wgsl-preprocessor.js' {
  /**
   * Joins strings and values, resolving `#if` / `#elif` / `#else` / `#endif`; the value after a condition is its truth.
   */
  export function wgsl(strings: readonly string[], ...values: readonly (string | boolean)[]): string
}
