// onnxruntime-node as a contender: onnxruntime.mjs FOLDER MODEL THREADS BATCH C H W. FOLDER has it in its
// node_modules.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const [folder, model, threads, ...numbers] = process.argv.slice(2)
const shape = numbers.map(Number)
const { InferenceSession, Tensor } = createRequire(join(folder, 'x.js'))('onnxruntime-node')
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)

const session = await InferenceSession.create(model, {
  intraOpNumThreads: Number(threads),
  graphOptimizationLevel: 'all'
})
const size = shape.reduce((product, n) => product * n)
const x = new Tensor('float32', Float32Array.from({ length: size }, Math.random), shape)
const feeds = { [session.inputNames[0]]: x }
const step = async () => {
  const start = performance.now()
  await session.run(feeds)
  return performance.now() - start
}
for (let i = 0; i < 2; i++) await step()
say({ ready: {} })
for await (const line of createInterface(process.stdin)) {
  const { seconds } = JSON.parse(line)
  const start = performance.now()
  const ms = []
  while (ms.length === 0 || performance.now() - start + ms.at(-1) < 1000 * seconds)
    ms.push(await step())
  say({ ms })
}
say({ end: { peak_rss_mb: process.resourceUsage().maxRSS / 1024 } })
