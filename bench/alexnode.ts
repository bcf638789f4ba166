/**
 * alexnode as a contender: alexnode.ts NET MODE DTYPE BATCH THREADS WINOGRAD [layers]. With `layers` each op of a few
 * steps is timed at the end.
 */
import { createInterface } from 'node:readline'
import { open } from '../lib/engine/device.ts'
import { cpuInfo } from '../lib/native/binding.ts'
import { netByName } from '../lib/net/models/index.ts'
import { sgd } from '../lib/optim/optimizer.ts'
import { Benchmark } from '../lib/training/bench/bench.ts'
import { layerJson } from '../lib/training/bench/per-layer.ts'

const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)

const [net = '', mode, dtype, batch, threads, winograd, layered] = process.argv.slice(2)
await using device = await open('cpu', { threads: Number(threads) })
const options = {
  batch: Number(batch),
  mode: mode === 'infer' ? 'infer' : 'train',
  dtype: dtype === 'bf16' ? 'bf16' : 'f32',
  winograd: winograd !== 'off',
  // The others with momentum and weight decay, as they were trained.
  ...(net === 'fashion' && { optimizer: sgd() })
} as const
await using benchmark = await Benchmark.create(netByName(net), device, options)
await benchmark.run({ steps: 2 })
say({ ready: { isa: cpuInfo.isa, onednn: cpuInfo.onednn } })
for await (const line of createInterface(process.stdin)) {
  const { seconds } = Object(JSON.parse(line))
  say({ ms: (await benchmark.run({ seconds: Number(seconds) })).steps })
}
const peak = process.resourceUsage().maxRSS / 1024
const planned = benchmark.net.plan.bytes / 2 ** 20
say({ end: { peak_rss_mb: peak, planned_mb: planned, ...(layered && (await layerFacts())) } })

async function layerFacts() {
  const { layers, outsideMs } = await benchmark.profile()
  const reorders = layers.reduce((sum, { reorders }) => sum + reorders, 0)
  return { outside_ms: outsideMs, reorders, per_layer: layers.map(layerJson) }
}
