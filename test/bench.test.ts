/** The parts of `npm run bench` that need no peers. */
import t from 'tap'
import { Contender } from '../bench/contender.ts'
import { shareOf } from '../bench/limits.ts'
import type { SideResult, WorkloadResult } from '../bench/measure.ts'
import { resultJson, verdictOf } from '../bench/report.ts'
import { idOf, workloads } from '../bench/workloads.ts'
import { median } from '../lib/util/median.ts'

const node = (source: string) => ({ command: process.execPath, args: ['--eval', source] })

t.test('a contender is asked by lines', async (t) => {
  using contender = await Contender.start(
    node(`
      console.log('a library says something')
      console.log('{"ready": {"torch": "1"}}')
      require('readline').createInterface(process.stdin)
        .on('line', (line) => console.log(JSON.stringify({ ms: [JSON.parse(line).seconds, 2] })))
        .on('close', () => console.log('{"end": {"peak_rss_mb": 3}}'))`)
  )
  t.strictSame(contender.ready, { torch: '1' })
  t.strictSame(await contender.run(0.5), [0.5, 2])
  t.strictSame(await contender.run(1), [1, 2])
  t.strictSame(await contender.end(), { peak_rss_mb: 3 })
})

t.test('one that ends early says why', async (t) => {
  await t.rejects(
    Contender.start(node(`throw new Error('out of luck')`)),
    /ended early: .*out of luck/s
  )
  const absent = { command: 'no-such-program', args: [] }
  await t.rejects(Contender.start(absent), /ended early: .*ENOENT/)
})

t.test('medians', async (t) => {
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([4, 1, 2, 3]), 2.5)
})

t.test('shares of the limit', async (t) => {
  const limits = { sgemm_gflops: 100, bf16_gflops: 400, triad_gb_per_s: 10 }
  const product = { flop: 1e9, ms: 20, least_bytes: 1e6 }
  t.equal(shareOf(product, limits, 'f32'), 0.5)
  t.equal(shareOf(product, limits, 'bf16'), 0.125)
  t.equal(shareOf(product, { ...limits, bf16_gflops: 0 }, 'bf16'), 0.5)
  t.equal(shareOf({ flop: 0, ms: 2, least_bytes: 1e7 }, limits, 'f32'), 0.5)
})

t.test('verdicts', async (t) => {
  t.equal(new Set(workloads.map(idOf)).size, workloads.length)
  const [f32, bf16] = workloads
  if (!f32 || !bf16) throw new Error('there are no workloads')
  const facts = {
    outside_ms: 1,
    per_layer: [{ layer: 'conv1', flop: 1e9, ms: 20, least_bytes: 0 }]
  }
  const ours: SideResult = { rounds: [[10], [20]], step_ms: 15, images_per_s: 8000, facts }
  const result = (workload: typeof f32, ratio?: number): WorkloadResult => ({
    id: idOf(workload),
    workload,
    ratio,
    ratios: [],
    absent: new Map(),
    sides: new Map([['alexnode', ours]])
  })
  t.equal(verdictOf(result(f32, 1.8), false), 'met')
  t.equal(verdictOf(result(f32, 1.7), false), 'not met')
  t.equal(verdictOf(result(f32), false), 'no peer')
  t.equal(verdictOf(result(bf16, 4.1), false), 'no AMX here')
  t.equal(verdictOf(result(bf16, 4.1), true), 'not met')
  t.equal(verdictOf(result(bf16, 4.2), false), 'met')
  t.equal(verdictOf(result(bf16, 4.2), true), 'met')
  const limits = { sgemm_gflops: 100, bf16_gflops: 0, triad_gb_per_s: 10 }
  t.match(resultJson(result(f32, 2), limits, false), {
    id: 'train-alexnet-128-f32',
    mark: 1.8,
    ratio: 2,
    verdict: 'met',
    sides: { alexnode: { rounds: [[10], [20]], step_ms: 15, facts: { outside_ms: 1 } } },
    per_layer: [{ layer: 'conv1', share_of_limit: 0.5 }]
  })
})
