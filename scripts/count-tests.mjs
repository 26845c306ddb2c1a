// Prints 'N passed, N failed' from vitest's JSON report; exits 1 where none ran or any failed.
import { readFileSync } from 'node:fs'

let passed = 0
let failed = 1
try {
  const report = JSON.parse(readFileSync(process.argv[2], 'utf8'))
  const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0)
  passed = report.numPassedTests
  failed = report.numFailedTests + broken.length
} catch (error) {
  console.error(`count-tests: ${process.argv[2]} is no report of vitest (${error.message})`)
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0
