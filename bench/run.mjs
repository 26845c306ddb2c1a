// npm run bench -- OPTIONS: measures wgrad beside other engines.
import { openLoader } from '../scripts/load.mjs'

const loader = await openLoader()
await loader.load('bench/cli.ts')
