// Measures: the reference in double precision takes a while, and must not stop the page.
import { openDevice } from 'wgrad'
import { servePort } from 'wgrad/train'
import { workerHost } from '../../bench/hosts/workers.ts'
import { runBench } from '../../bench/run/bench.ts'
import type { Host } from '../../bench/run/host.ts'
import { browserName } from './browser-name.ts'
import type { Calls, Events } from './protocol.ts'

let host: Host | null = null
let stopped = false

const server = servePort<Calls, Events>(self, {
  async adapter() {
    const device = await openDevice({ adapter: 'high-performance' })
    const { description, software } = device.info
    device.close()
    return { description, software }
  },
  async run(wanted) {
    if (host) throw new Error('a run is at hand; stop it first')
    stopped = false
    host = workerHost(browserName(navigator.userAgent))
    try {
      return await runBench(host, wanted, {
        onProgress: (done, total, what) => server.emit('progress', { done, total, what }),
        onResult: (_, report) => server.emit('report', report),
        stopped: () => stopped,
      })
    } finally {
      await host.close()
      host = null
    }
  },
  async stop() {
    stopped = true
    await host?.close()
    return null
  },
})
