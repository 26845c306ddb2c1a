export interface CheckResult {
  name: string
  ok: boolean
  message?: string
  worst?: number
}
export const checks: string[] = ['adapter', 'device']
export async function runChecks(
  gpu: GPU,
  checks: string[],
  onResult: (r: CheckResult) => void,
): Promise<CheckResult[]> {
  const out: CheckResult[] = []
  for (const name of checks) {
    const a = await gpu.requestAdapter()
    const d = await a?.requestDevice()
    const r: CheckResult = { name, ok: !!d }
    d?.destroy()
    onResult(r)
    out.push(r)
  }
  return out
}
