/** What wgrad throws. The message reads `op: what is wrong, with the values; what would be right`. */
export class WgradError extends Error {
  override name = 'WgradError'
}

/** A read or a step was asked of a device that is lost or closed. */
export class DeviceLostError extends WgradError {
  override name = 'DeviceLostError'
}

/** An output of an earlier step was read after the ring had moved on and overwritten it. */
export class StaleOutputError extends WgradError {
  override name = 'StaleOutputError'
}

/** A step would not fit the device's limits or the memory budget; the message names its largest buffers. */
export class OutOfMemoryError extends WgradError {
  override name = 'OutOfMemoryError'
}

/** Throws a WgradError in wgrad's format. */
export function fail(op: string, wrong: string, right: string): never {
  throw new WgradError(`${op}: ${wrong}; ${right}`)
}
