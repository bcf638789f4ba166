// Training on the double of CUDA: in f16 with its loss scale, stopped and gone on with; and the kit's stages for a
// GPU, with small sizes and marked as what they are.
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { isLimit } from '../bench/gpu.ts'
import { floorOf, ratesOf } from '../bench/roofline.ts'
import { open } from '../lib/engine/device.ts'
import { alexnet } from '../lib/index.ts'
import type { FloatDType } from '../lib/native/dtype.ts'
import { evaluate } from '../lib/training/evaluate/evaluate.ts'
import type { LossScaleOptions } from '../lib/training/loop/loss-scale.ts'
import { type Snapshot, type Step, type TrainOptions, train } from '../lib/training/train.ts'
import { fakeCudaFolder, hasCompiler } from './fake-cuda/build.ts'
import { python, withoutPytorch } from './pytorch/run.ts'
import { smallNet, smallSet } from './small-net.ts'

const canFake = process.platform === 'linux' && hasCompiler
const needsCompiler = { skip: canFake ? false : 'the double needs Linux and a compiler (c++)' }
const root = resolve(import.meta.dirname, '..')
if (canFake) process.env.ALEXNODE_CUDA_PATH = await fakeCudaFolder()
process.env.ALEXNODE_FAKE_CUDA = 'memory=512M'

interface Run extends Partial<TrainOptions> {
  readonly dtype?: FloatDType
  readonly where?: string
  readonly lossScale?: LossScaleOptions
}

async function run({ dtype = 'f16', where = 'cuda:0', ...options }: Run) {
  // Equal bits are promised of deterministic algorithms alone, and which are fastest is found by timing.
  await using device = await open(where, { deterministic: where !== 'cpu' })
  await using net = await smallNet().build(device, { batch: 4, seed: 7, dtype })
  const rates = { lr: 0.05, momentum: 0.9, weightDecay: 1e-3, seed: 7 }
  const steps: Pick<Step, 'loss' | 'lossScale' | 'skipped'>[] = []
  const set = smallSet(39)
  for await (const step of train(net, set, { ...rates, ...options })) {
    const { loss, lossScale, skipped } = step
    steps.push({ loss, ...(lossScale !== undefined && { lossScale, skipped: skipped === true }) })
  }
  const weights = await net.parameters.export(net.stream)
  const { loss } = await evaluate(net, set)
  return { steps, weights: [...weights].map(([name, { data }]) => [name, [...data]]), loss }
}

t.test('the three dtypes learn alike, and f32 as on the CPU', needsCompiler, async (t) => {
  const options = { steps: 20, lossScale: { start: 1024 } }
  const cpu = await run({ steps: 20, where: 'cpu', dtype: 'f32' })
  const close = (losses: readonly { loss: number }[], bound: number) =>
    losses.every(({ loss }, i) => Math.abs(loss / (cpu.steps[i]?.loss ?? Number.NaN) - 1) < bound)
  const f32 = await run({ steps: 20, dtype: 'f32' })
  t.ok(close(f32.steps, 1e-4))
  t.ok(f32.steps.every(({ lossScale }) => lossScale === undefined))
  const bf16 = await run({ steps: 20, dtype: 'bf16' })
  t.ok(close(bf16.steps, 0.05))
  t.ok(bf16.steps.every(({ lossScale }) => lossScale === undefined))
  const f16 = await run(options)
  t.ok(close(f16.steps, 0.02))
  t.ok(f16.steps.every(({ lossScale, skipped }) => lossScale === 1024 && skipped === false))
  t.ok(Math.abs(f16.loss / cpu.loss - 1) < 0.02)
})

t.test('f16: overflows are skipped, and runs go on bit for bit', needsCompiler, async (t) => {
  const lossScale = { start: 2 ** 24, interval: 5 }
  const whole = await run({ steps: 24, lossScale })
  t.match(whole.steps.slice(0, 2), [{ skipped: true }, { skipped: true }])
  t.ok(whole.steps.some(({ skipped }) => !skipped))
  t.ok(new Set(whole.steps.map(({ lossScale }) => lossScale)).size > 2)
  t.ok(whole.steps.every(({ loss }) => Number.isFinite(loss)))
  for (const at of [1, 3, 12]) {
    let saved: Snapshot | undefined
    const save = (snapshot: Snapshot) => {
      saved = snapshot
    }
    const first = await run({ steps: at, lossScale, checkpoint: { save } })
    const rest = await run({ steps: 24, lossScale, from: saved })
    t.same([...first.steps, ...rest.steps], whole.steps)
    t.same(rest.weights, whole.weights, `goes on after ${at}`)
  }
})

t.test('the roofline of one H200', async (t) => {
  // Milliseconds of a training step in bf16, by batch, as they were worked out by hand.
  const known = { 128: 1.11, 256: 1.87, 512: 3.46, 1024: 6.64 }
  const floor = await floorOf(alexnet())
  const rates = ratesOf('NVIDIA H200')
  if (!rates) throw new Error('no rates')
  for (const [batch, ms] of Object.entries(known)) {
    const work = { batch: Number(batch), mode: 'train', precision: 'bf16' } as const
    t.ok(Math.abs(floor(work, rates) / ms - 1) < 0.05, `batch ${batch}: ${floor(work, rates)} ms`)
  }
  t.equal(ratesOf('Fake GPU'), undefined)
})

t.test('what a bench skips is what a machine has not', needsCompiler, async (t) => {
  await using device = await open('cuda:0')
  const refusal = async (what: () => unknown) => {
    try {
      await what()
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
    return ''
  }
  const none = await refusal(() => device.allocate(2 ** 45))
  t.match(none, /^\[memory\] cuda:0 \(Fake GPU\) cannot give /)
  t.ok(isLimit(none))
  const build = (batch: number) => smallNet().build(device, { batch })
  const large = await refusal(() => build(2 ** 15))
  t.match(large, /^\[net\] .* needs /)
  t.ok(isLimit(large))
  const uncounted = await refusal(() => build(2 ** 26))
  t.match(uncounted, /cuDNN convolves tensors of at most 2\^31 - 1 numbers/)
  t.ok(isLimit(uncounted))
  t.notOk(isLimit(await refusal(() => device.requireDType('u8'))))
  t.notOk(isLimit('[conv2d] expected x, which needs 4 MiB'))
})

const hasGpu = existsSync('/proc/driver/nvidia')
const noGpu = hasGpu ? 'this machine has a GPU' : withoutPytorch
t.test('no figure of PyTorch on a CPU stands beside a GPU', { skip: noGpu ?? false }, async (t) => {
  const program = join(root, 'bench/pytorch-gpu.py')
  const args = [program, 'alexnet', 'eager f32', 'train', '2,4', '1']
  const { stdout } = await promisify(execFile)(python ?? '', args)
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const skipped = 'RuntimeError: this PyTorch finds no GPU'
  t.match(lines, [
    { batch: 2, skipped },
    { batch: 4, skipped }
  ])
})

t.test('the stages of the kit', needsCompiler, async (t) => {
  const out = t.testdir()
  const stages = [
    'abi',
    'gpu-parity',
    'gpu-cudnn',
    'gpu-replay',
    'gpu-memory',
    'gpu-ranks',
    'gpu-train',
    'gpu-memcheck'
  ]
  const args = ['--import', 'tsx', join(root, 'kit/main.ts'), '--brief', '--out', out, ...stages]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root })
  t.match(stdout, /^doctor: passed/m)
  const [json = '', markdown = ''] = readdirSync(out)
    .sort()
    .map((file) => readFileSync(join(out, file), 'utf8'))
  t.match(markdown, /WARNING \| a double of CUDA computed: no figure here is a GPU's/)
  const report = JSON.parse(json)
  t.match(report.machine, { WARNING: /double/ })
  for (const { name, failed, passed, figures } of report.stages) {
    t.strictSame(failed, [], name)
    if (!name.startsWith('gpu-')) continue
    t.match(figures[0], { name: 'computed by a double of CUDA, on a CPU' }, name)
    const skips = name === 'gpu-memcheck' || (name === 'gpu-parity' && withoutPytorch)
    t.ok(skips ? passed === 0 : passed > 0, `${name}: ${passed} passed`)
  }
  const cudnn = report.stages.find(({ name }: { name: string }) => name === 'gpu-cudnn')
  t.equal(cudnn.figures.length, 6)
  t.match(cudnn.figures.at(-1), { name: /^avg_pool_backward: [1-9]\d* of \d+ rows by cuDNN$/ })
  const training = report.stages.find(({ name }: { name: string }) => name === 'gpu-train')
  t.match(training.figures[1], {
    name: 'alexnode bf16: alexnet, train, batch 2',
    images_per_s: Number,
    op_time_share: Number,
    host_cpu_ms: Number,
    host_call_ms: Number,
    busy: /^(ok|below the mark)$/,
    host: /^(ok|below the mark)$/
  })
})
