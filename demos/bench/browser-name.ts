/** What can be told from a user agent: `Chrome/147.0.0.0 on Android`, or the whole of it where nothing is known. */
export function browserName(userAgent: string): string {
  const browsers = [/Edg\/[\d.]+/, /Firefox\/[\d.]+/, /(?:Headless)?Chrome\/[\d.]+/, /Version\/[\d.]+(?= .*Safari)/]
  const found = browsers.map((pattern) => pattern.exec(userAgent)?.[0]).find(Boolean)
  const system = /Android|iPhone|iPad|Windows|Mac OS X|CrOS|Linux/.exec(userAgent)?.[0]
  if (!found) return userAgent
  return `${found.replace('Edg/', 'Edge/').replace('Version/', 'Safari/')}${system ? ` on ${system}` : ''}`
}
