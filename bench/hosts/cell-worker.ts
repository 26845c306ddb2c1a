// A worker with one contestant; whoever made it calls it through messages.
import { Cell } from '../cell.ts'
import { answerCall, type Request, ready } from './messages.ts'

const cell = new Cell(navigator.gpu)
self.onmessage = async ({ data }: MessageEvent<Request>) => self.postMessage(await answerCall(cell, data))
self.postMessage(ready)
