/** 1234567 as 1,234,567. */
export function count(n: number): string {
  return Math.round(n).toLocaleString('en')
}

/** A share as per cent with one decimal. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

/** A rate with three significant digits, without exponents. */
export function rate(value: number): string {
  return value >= 100 ? count(value) : String(Number(value.toPrecision(3)))
}

/** Bytes in the largest fitting unit of 1024. */
export function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : rate(value)} ${units[unit]}`
}
