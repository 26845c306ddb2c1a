import { element } from '../common/elements.ts'

/** The camera. */
export interface Camera {
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
  const stop = (): void => {
    clearInterval(timer)
    for (const track of stream?.getTracks() ?? []) track.stop()
    stream = null
    button.textContent = 'Use the camera'
  }
  const start = async (): Promise<void> => {
    const devices = navigator.mediaDevices as MediaDevices | undefined
    const asked = devices?.getUserMedia({ video: { facingMode: 'environment' } })
    stream = await (asked ?? Promise.reject(new Error('this page has no right to use one'))).catch((cause: Error) => {
      throw new Error(`there is no camera (${cause.message}); allow it, or drop a picture`)
    })
    Object.assign(video, { srcObject: stream, muted: true, playsInline: true })
    await video.play()
    button.textContent = 'Stop the camera'
    timer = window.setInterval(() => {
      if (video.readyState >= video.HAVE_CURRENT_DATA) void createImageBitmap(video).then(parts.onFrame)
    }, between)
  }
  button.addEventListener('click', () => {
    if (stream) stop()
    else void parts.attempt(start)
  })
  return { stop }
}
