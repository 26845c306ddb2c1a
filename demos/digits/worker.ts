import { openSafetensors } from 'wgrad/io'
import { servePort, transferred } from 'wgrad/train'
import { type Digits, type DigitsSource, findDigits } from '../common/find-digits.ts'
import { trainerHost } from '../common/trainer-worker.ts'
import type { Address, Calls, Events, NetworkKind, Settings } from './protocol.ts'
import { Session } from './session.ts'

/** Software adapters measure on fewer digits, since that is most of what they do. */
const softwareTest = 1000

let mnist: string | null = null
/** Those that were looked for before. */
let digits: Digits | null = null
/** Those that the page has. */
let told: Digits | null = null

const host = trainerHost<Settings, Session, Address>({
  name: 'digits-demo',
  open: (address) => {
    mnist = address.mnist
  },
  async make(settings, place, signal) {
    const found = await digitsFor(settings.digits, { isSoftware: place.device.info.software, signal })
    return new Session(
      { ...settings, digits: found.of },
      {
        ...place,
        digits: found,
        listener: {
          announce: () => tell(found),
          progress: (what, share) => server.emit('progress', { what, share }),
          steps: (event) => server.emit('steps', event, [event.x.buffer, event.y.buffer]),
          measured: (event) => {
            const { read, sure, steps, accuracies } = event
            server.emit('measured', event, [read.buffer, sure.buffer, steps.buffer, accuracies.buffer])
          },
        },
      },
    )
  },
  settingsOf: async (file, asked) => ({ ...asked, network: await networkOf(file) }),
})

const server = servePort<Calls, Events>(self, {
  ...host.handlers,
  async classify(pixels) {
    const probabilities = await host.current().classify(pixels)
    return transferred(probabilities, [probabilities.buffer])
  },
})

/** The digits that a training needs. */
async function digitsFor(
  source: DigitsSource,
  { isSoftware, signal }: { readonly isSoftware: boolean; readonly signal: AbortSignal },
): Promise<Digits> {
  if (digits?.of === source) return digits
  const onProgress = (what: string, share: number): void => server.emit('progress', { what, share })
  server.emit('progress', { what: source === 'drawn' ? 'Drawing digits' : 'Fetching MNIST', share: null })
  const all = await findDigits(source, { mnist, signal, onProgress })
  const most = isSoftware ? Math.min(softwareTest, all.test.length) : all.test.length
  const found = { ...all, test: all.test.slice(0, most) }
  // Digits that stand in for others are looked for again.
  if (found.of === source) digits = found
  return found
}

function tell(found: Digits): void {
  if (found === told) return
  told = found
  const images = Uint8Array.from(found.test.fields.x.data)
  const labels = Uint8Array.from(found.test.fields.y.data)
  server.emit('digits', { source: found.source, images, labels }, [images.buffer, labels.buffer])
}

/** Which network a file of weights is of. */
async function networkOf(file: Uint8Array): Promise<NetworkKind> {
  const { network } = (await openSafetensors(file)).metadata
  if (network === 'cnn' || network === 'mlp') return network
  throw new Error('the file does not say which network it is of; load one that was saved here')
}
