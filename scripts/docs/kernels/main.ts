import { writeFile } from 'node:fs/promises'
import { surveyKernels } from './survey.ts'
import { formatKernels } from './table.ts'

const families = surveyKernels()
await writeFile(new URL('../../../docs/kernels.md', import.meta.url), formatKernels(families))
console.log(`docs/kernels.md has ${families.reduce((sum, { variants }) => sum + variants.length, 0)} variants`)
