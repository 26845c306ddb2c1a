import { type Device, openDevice } from '../../src/index.ts'
import type { AdapterReport, Digits, TrainEvent, TrainOptions, TrainResult } from './result.ts'
import { reportAdapter, train } from './train.ts'

/** Digits as text, since only JSON reaches a page. */
export interface DigitsText extends Omit<Digits, 'images' | 'labels'> {
  /** Bytes as base64. */
  images: string
  labels: string
}

declare global {
  /** What the program calls in the page. */
  var start: { openInPage: typeof openInPage; trainInPage: typeof trainInPage }
  /** Calls back into the program that opened the page. */
  function onTrainEvent(event: TrainEvent): Promise<void>
}

const where = 'headless Chrome'
let device: Device | null = null

/** Opens a device in the page that imports this. */
async function openInPage(): Promise<AdapterReport> {
  device = await openDevice()
  return reportAdapter(device, where)
}

/** Trains on the device that {@link openInPage} opened. */
async function trainInPage(text: DigitsText, options: TrainOptions): Promise<TrainResult> {
  if (device === null) throw new Error('start: no device is open in the page')
  const digits = { ...text, images: bytesOf(text.images), labels: bytesOf(text.labels) }
  return train(device, digits, options, { where, onEvent: (event) => void globalThis.onTrainEvent(event) })
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
}

globalThis.start = { openInPage, trainInPage }
