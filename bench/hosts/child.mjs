// Runs child.ts with its loader open: contestants are imported when they are asked for.
import { openLoader } from '../../scripts/load.mjs'

await (await openLoader()).load('bench/hosts/child.ts')
