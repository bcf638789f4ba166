/**
 * `npm run fuzz`: searches for inputs that break what docs/trust.md promises.
 *
 *     npm run fuzz -- [readers|boundary|nets] [--seconds N] [--seed S] [--keep]
 *
 * Runs the campaigns that are named, else all of them, for N seconds each (default 60). The same seed makes the same
 * cases. Failing inputs are shrunk and written to test/regressions/. `--keep` writes each result to
 * test/campaigns/kept/, and with it docs/trust.md. `--only` names readers.
 */
import { optionsOf, refuse, whole } from '../../bench/options.ts'
import { keepReport } from '../campaigns/keep.ts'
import { campaigns } from './campaigns.ts'
import { keepFailures } from './regressions.ts'

const { values, positionals } = optionsOf({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    keep: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true }
  }
})
const seconds = whole('seconds', values.seconds)
const seed = whole('seed', values.seed, 0)
for (const name of positionals) {
  if (Object.hasOwn(campaigns, name)) continue
  refuse(`expected one of ${Object.keys(campaigns).join(', ')}, got '${name}'`)
}

let failed = 0
for (const [name, campaign] of Object.entries(campaigns)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue
  if (campaign.skip) {
    console.log(`${name}: skipped: ${campaign.skip}`)
    continue
  }
  console.log(`${name}: ${seconds} s, seed ${seed}`)
  const log = (line: string) => console.log(`  ${line}`)
  const report = await campaign.run({
    seconds,
    seed,
    log,
    ...(values.only && { only: values.only })
  })
  for (const file of keepFailures(report)) console.log(`  kept in ${file}`)
  if (values.keep) keepReport(report)
  const count = report.failures.length
  console.log(`${name}: ${report.cases} cases in ${report.seconds} s, ${count} failed`)
  failed += count
}
process.exitCode = failed > 0 ? 1 : 0
