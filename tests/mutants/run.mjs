// Breaks the engine on purpose, one way at a time in a copy of the tree, and says which breakages the tests notice.
// node tests/mutants/run.mjs [part of a name]
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { kernels } from './kernels.mjs'
import { planner } from './planner.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const wanted = process.argv[2] ?? ''
const mutants = [...planner, ...kernels].filter((m) => m.name.includes(wanted) || m.file.includes(wanted))

/** Copies what git knows or would add, and links the packages. */
function copyTree() {
  const copy = mkdtempSync(join(tmpdir(), 'wgrad-mutants-'))
  const options = { cwd: root, encoding: 'utf8' }
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], options)
  for (const file of new Set(files.split('\0').filter(Boolean))) {
    mkdirSync(dirname(join(copy, file)), { recursive: true })
    cpSync(join(root, file), join(copy, file))
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  return copy
}

/** Runs test files in the copy; empty when all pass, else what was printed. */
function failure(copy, tests) {
  const command = join('node_modules', 'vitest', 'vitest.mjs')
  const args = [command, 'run', '--project', 'node', '--bail=1', ...tests]
  const run = spawnSync(process.execPath, args, { cwd: copy, encoding: 'utf8', timeout: 600_000 })
  return run.status === 0 ? '' : `${run.stdout}${run.stderr}`
}

const copy = copyTree()
const failures = []
try {
  const sound = [...new Set(mutants.flatMap((m) => m.tests))]
  console.log(`${mutants.length} breakages; first the tests on the sound tree`)
  const broken = failure(copy, sound)
  if (broken) throw new Error(`the tests fail on the sound tree\n${broken.slice(0, 4000)}`)
  for (const { name, file, search, replace, tests } of mutants) {
    const path = join(copy, file)
    const text = readFileSync(path, 'utf8')
    if (text.split(search).length !== 2) {
      failures.push(name)
      console.log(`unusable  ${name}: ${file} must hold the text to be replaced exactly once`)
      continue
    }
    writeFileSync(
      path,
      text.replace(search, () => replace),
    )
    const witness = tests.find((test) => failure(copy, [test]) !== '')
    writeFileSync(path, text)
    if (!witness) failures.push(name)
    console.log(witness ? `noticed   ${name} (${witness})` : `MISSED    ${name} (${tests.join(', ')})`)
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
console.log(`${mutants.length - failures.length} of ${mutants.length} noticed`)
process.exitCode = failures.length === 0 ? 0 : 1
