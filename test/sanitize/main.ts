/**
 * `npm run sanitize`: native code under AddressSanitizer with UndefinedBehaviorSanitizer, and under ThreadSanitizer.
 *
 *     npm run sanitize -- [--brief] [--seconds N] [--seed S] [--keep]
 *
 * `--brief` takes half a minute: streams, tickets, events and loaders are compiled without Node and the ops, and
 * libFuzzer runs over records. Without it the addon is compiled twice and goes through the table of op cases, a
 * training, evaluate and the fuzz of the boundary. `--keep` writes test/campaigns/kept/sanitize.json.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { optionsOf, whole } from '../../bench/options.ts'
import { writePage } from '../campaigns/page.ts'
import { findClang, root, versionOf } from './build.ts'
import { all, brief } from './stages.ts'

const { values } = optionsOf({
  options: {
    brief: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    keep: { type: 'boolean', default: false }
  }
})
const seconds = whole('seconds', values.seconds)
const seed = whole('seed', values.seed, 0)

/** What a stage came to. */
interface Result {
  readonly name: string
  readonly status: string
  readonly seconds: number
  readonly reason?: string
}
const results: Result[] = []
for (const { name, act } of values.brief ? brief() : all(seconds, seed)) {
  const start = performance.now()
  let status = 'passed'
  let reason: string | undefined
  try {
    const skipped = await act()
    if (skipped) [status, reason] = ['skipped', skipped.skipped]
  } catch (error) {
    ;[status, reason] = ['failed', error instanceof Error ? error.message : String(error)]
  }
  const took = Math.round((performance.now() - start) / 1000)
  results.push({ name, status, seconds: took, ...(reason !== undefined && { reason }) })
  console.log(`${status.padEnd(7)}  ${name}  ${took} s${reason ? `\n${reason}` : ''}`)
}
const count = (status: string) => results.filter((result) => result.status === status).length
console.log(`${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`)
if (count('failed') > 0) process.exitCode = 1
if (values.keep) {
  const clang = await findClang()
  const compilers = [await versionOf('g++'), ...(clang ? [await versionOf(clang)] : [])]
  const date = new Date().toISOString().slice(0, 10)
  const kept = join(root, 'test/campaigns/kept')
  mkdirSync(kept, { recursive: true })
  const text = JSON.stringify(
    { campaign: 'sanitize', date, compilers, seed, stages: results },
    null,
    2
  )
  writeFileSync(join(kept, 'sanitize.json'), `${text}\n`)
  writePage()
}
