import { element } from '../common/elements.ts'

/** The camera. */
export interface Camera {
  /** Turns it off; what it saw is not handed on any more. */
  stop(): void
}

/** Milliseconds between two frames that are looked at. */
const between = 200

/** The button that turns the camera on and off. */
export function cameraButton(parts: {
  readonly onFrame: (frame: ImageBitmap) => void
  readonly attempt: (work: () => Promise<void>) => Promise<void>
}): Camera {
  const button = element('camera', HTMLButtonElement)
  const video = document.createElement('video')
  let stream: MediaStream | null = null
  let timer = 0
  /** Goes up with each stop: what an earlier turn has asked for comes too late. */
  let turn = 0
  const stop = (): void => {
    turn++
    clearInterval(timer)
    end(stream)
    stream = null
    button.textContent = 'Use the camera'
    button.disabled = false
  }
  const start = async (): Promise<void> => {
    const mine = turn
    button.disabled = true
    try {
      const opened = await open()
      if (mine !== turn) return end(opened)
      stream = opened
      Object.assign(video, { srcObject: opened, muted: true, playsInline: true })
      await video.play()
    } catch (error) {
      if (mine !== turn) return
      stop()
      throw error
    }
    if (mine !== turn) return
    button.textContent = 'Stop the camera'
    button.disabled = false
    timer = window.setInterval(async () => {
      if (video.readyState < video.HAVE_CURRENT_DATA) return
      const frame = await createImageBitmap(video)
      if (mine === turn) parts.onFrame(frame)
      else frame.close()
    }, between)
  }
  button.addEventListener('click', () => {
    if (stream) stop()
    else void parts.attempt(start)
  })
  return { stop }
}

async function open(): Promise<MediaStream> {
  const devices = navigator.mediaDevices as MediaDevices | undefined
  const asked = devices?.getUserMedia({ video: { facingMode: 'environment' } })
  return (asked ?? Promise.reject(new Error('this page has no right to use one'))).catch((cause: Error) => {
    throw new Error(`there is no camera (${cause.message}); allow it, or drop a picture`)
  })
}

function end(stream: MediaStream | null): void {
  for (const track of stream?.getTracks() ?? []) track.stop()
}
