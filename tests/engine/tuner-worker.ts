import { tuneInPage } from './tuner-in-page.ts'

postMessage(await tuneInPage())
