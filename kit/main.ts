/**
 * Runs the stages of the kit and writes its report as it goes. Ends with 1 where a stage failed; what the
 * machine does not have is skipped, and said.
 *
 * main.js [--out FOLDER] [--brief] [STAGE…]
 */
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Report, reportPath, type StageReport, writeReport } from './report.ts'
import { type Run, stages } from './stages.ts'

const HELP = `Usage: run.sh [--out FOLDER] [--brief] [STAGE…]

Tries this machine and writes one report, DATE-GPU.json and DATE-GPU.md, to
FOLDER ($OUT, or else ./report), as it goes.

Stages, of 8 minutes at most each (all, in this order):
  ${Object.keys(stages).join('\n  ')}

  --brief   a part of each stage, to see that the kit works
`

function readArguments() {
  const options = {
    out: { type: 'string', default: process.env.OUT ?? 'report' },
    brief: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false }
  } as const
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  const unknown = positionals.filter((name) => !Object.hasOwn(stages, name))
  if (unknown.length > 0) throw new Error(`there is no stage '${unknown.join("', '")}'`)
  return { ...values, names: positionals }
}

async function main(): Promise<void> {
  const { out, brief, help, names } = readArguments()
  if (help) {
    process.stdout.write(HELP)
    return
  }
  const folder = resolve(out)
  const date = new Date().toISOString().slice(0, 10)
  const report: Report = { date, gpu: 'cpu', machine: {}, stages: [] }
  // The doctor says what machine it is: a report without that is worth little.
  const wanted = new Set(['doctor', ...names])
  const shared: Run = { report, brief, grown: () => {} }
  for (const [name, stage] of Object.entries(stages)) {
    if (names.length > 0 && !wanted.has(name)) continue
    const empty = { status: 'running', seconds: 0, passed: 0 } as const
    const own: StageReport = { name, ...empty, skipped: [], failed: [], figures: [] }
    report.stages.push(own)
    const start = performance.now()
    let written = 0
    const grown = () => {
      own.seconds = (performance.now() - start) / 1000
      if (own.seconds - written < 1) return
      written = own.seconds
      writeReport(folder, report)
    }
    process.stdout.write(`${name} …\n`)
    shared.grown = grown
    await stage(shared, own)
    own.seconds = (performance.now() - start) / 1000
    own.status = own.failed.length > 0 ? 'failed' : own.passed > 0 ? 'passed' : 'skipped'
    const { passed, failed, skipped } = own
    const counts = `${passed} passed, ${failed.length} failed, ${skipped.length} skipped`
    process.stdout.write(`${name}: ${own.status} (${counts}) in ${own.seconds.toFixed(0)} s\n`)
    for (const reason of failed.slice(0, 5)) process.stdout.write(`  ${reason}\n`)
    writeReport(folder, report)
  }
  process.stdout.write(`Report: ${reportPath(folder, report)}.md\n`)
  if (report.stages.some(({ status }) => status === 'failed')) process.exitCode = 1
}

try {
  await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${HELP}`)
  process.exitCode = 2
}
