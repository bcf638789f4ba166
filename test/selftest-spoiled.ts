/** `alexnode selftest` with one row that asks for more than any op can give: it must be told. */
import { opCases } from '../lib/selftest/cases.ts'

const row = opCases.find(({ op }) => op === 'tanh')
if (!row) throw new Error('no row')
Object.assign(row, { tolerance: { absolute: -1, relative: 0 } })
await import('../lib/cli/main.ts')
