/** The campaign `boundary` alone: `boundary.ts SECONDS SEED`, with the addon that the environment names. */
import { boundary } from '../fuzz/boundary.ts'

const [seconds = 60, seed = 1] = process.argv.slice(2).map(Number)
const report = await boundary({ seconds, seed, log: console.log })
console.log(`${report.cases} cases, ${report.failures.length} failed`)
for (const { input } of report.failures) console.log(input)
if (report.failures.length > 0) process.exitCode = 1
