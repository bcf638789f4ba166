/**
 * How training scales over processes of one machine: two ranks of one thread beside one process of two, with the same
 * batch, and PyTorch's DistributedDataParallel (gloo) likewise. Prints what a model of a step predicts beside it. Keeps
 * the result in bench/results/ranks.json.
 *
 *   npm run bench:ranks                      alexnet and torchvision, batches of 128
 *   npm run bench:ranks -- --only alexnet --steps 5 --batch 64
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../test/free-port.ts'
import { python } from '../test/pytorch/run.ts'
import { rankEnvironment } from '../test/rank-environment.ts'
import { machineOf } from './machine.ts'
import { optionsOf, pattern, whole } from './options.ts'
import { modelStep } from './scale-model.ts'

interface Told {
  readonly imagesPerSecond: number
  /** Seconds of the sum of all gradients, alone. */
  readonly sum: number
  readonly bytes: number
}

const { values } = optionsOf({
  options: { only: { type: 'string' }, steps: { type: 'string' }, batch: { type: 'string' } }
})
const only = pattern('only', values.only ?? '')
const steps = whole('steps', values.steps ?? '10')
const batch = whole('batch', values.batch ?? '128', 2)

const beside = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const alexnode = [process.execPath, '--import', 'tsx', beside('rank.ts')]
const pytorch = python ? [python, beside('pytorch_ddp.py')] : undefined

/** Runs so many ranks, and returns what the first one told. */
async function run(
  program: readonly string[],
  ranks: number,
  [net, images, threads]: readonly [net: string, images: number, threads: number]
): Promise<Told> {
  const port = await freePort()
  const children = Array.from({ length: ranks }, (_, rank) => {
    const group = rankEnvironment(rank, ranks, port)
    const [command = '', ...args] = [...program, net, `${images}`, `${threads}`, `${steps}`]
    const env = { ...process.env, ...(ranks > 1 && group) }
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
    let out = ''
    child.stdout.on('data', (text) => {
      out += String(text)
    })
    return once(child, 'close').then(([code]) => {
      if (code !== 0) throw new Error(`[bench] ${command} ${args.join(' ')} ended with ${code}`)
      return JSON.parse(out.trim().split('\n').at(-1) ?? '') as Told
    })
  })
  const [first] = await Promise.all(children)
  if (!first) throw new Error('[bench] expected a rank, got none')
  return first
}

const rounded = (value: number) => Number(value.toPrecision(3))
const results: Record<string, object> = {}
for (const net of ['alexnet', 'torchvision']) {
  if (!only.test(net)) continue
  const one = await run(alexnode, 1, [net, batch, 2])
  const half = await run(alexnode, 1, [net, batch / 2, 1])
  const two = await run(alexnode, 2, [net, batch, 1])
  // Both ranks compute their half at once, on cores that the sums take, too: nothing of those is hidden.
  const { seconds } = modelStep({
    ranks: 2,
    compute: batch / 2 / half.imagesPerSecond,
    sums: [{ bytes: two.bytes, ready: 1 }],
    bandwidth: two.bytes / two.sum,
    latency: 0,
    overlaps: false
  })
  const predicted = batch / seconds
  const ours = {
    'one process, two threads': rounded(one.imagesPerSecond),
    'two ranks, a thread each': rounded(two.imagesPerSecond),
    scaling: rounded(two.imagesPerSecond / one.imagesPerSecond),
    'by the model': rounded(predicted),
    'seconds of the sum': rounded(two.sum),
    'MB of gradients': rounded(two.bytes / 1e6)
  }
  const theirs = pytorch && {
    one: (await run(pytorch, 1, [net, batch, 2])).imagesPerSecond,
    two: (await run(pytorch, 2, [net, batch, 1])).imagesPerSecond
  }
  const peer = theirs && {
    'one process, two threads': rounded(theirs.one),
    'two ranks, a thread each': rounded(theirs.two),
    scaling: rounded(theirs.two / theirs.one)
  }
  results[net] = { alexnode: ours, ...(peer && { 'PyTorch, DDP': peer }) }
  console.log(`${net}: ${JSON.stringify(results[net], undefined, 1)}`)
}
const { model, isa, cores } = await machineOf(2)
const date = new Date().toISOString().slice(0, 10)
const kept = { date, cpu: `${model}, ${isa}`, cores, batch, steps, results }
if (!values.only) {
  const file = beside('results/ranks.json')
  await writeFile(file, `${JSON.stringify(kept, undefined, 1)}\n`)
}
