/**
 * Training and inference on a GPU beside PyTorch on the same one, in turn: ours in f32, TF32 and bf16; PyTorch
 * eager in f32 with TF32 forbidden and allowed, with autocast to bf16 and channels_last, and all three compiled.
 * Prints a JSON object a line.
 *
 * On an H100 one mode of the whole should take some 8 minutes: 24 measurements of ours at 4 s, six processes of
 * eager PyTorch at 30 s, and what is granted to torch.compile, which takes up to a minute for each batch.
 *
 * node --import tsx bench/gpu.ts [DEVICE=cuda:0] [train|infer] [--compile-seconds N=170]
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { open } from '../lib/engine/device.ts'
import type { NetDefinition } from '../lib/net/definition.ts'
import { netByName } from '../lib/net/models/index.ts'
import { type BenchResult, bench } from '../lib/training/bench/bench.ts'
import { python, withoutPytorch } from '../test/pytorch/run.ts'
import { isDouble } from './double.ts'
import { floorOf, type Precision, ratesOf } from './roofline.ts'

export interface GpuBenchOptions {
  readonly device: string
  readonly mode: 'train' | 'infer'
  readonly batches: readonly number[]
  /** Timed steps. */
  readonly steps: number
  /** Nets by name. */
  readonly nets: readonly string[]
  /** Puts another net in the place of a net, such as a smaller one. */
  readonly instead?: (definition: NetDefinition) => NetDefinition
  /** When to stop, by `performance.now()`. */
  readonly deadline: number
  /** What torch.compile may take in all; what that leaves out is said. Default 170. */
  readonly compileSeconds?: number
}

/** A figure, or why there is none. */
export interface GpuLine extends Readonly<Record<string, unknown>> {
  readonly name: string
  readonly skipped?: string
  readonly failed?: string
}

const ours = [
  { how: 'f32', dtype: 'f32', tf32: false },
  { how: 'tf32', dtype: 'f32', tf32: true },
  { how: 'bf16', dtype: 'bf16', tf32: false }
] as const

/** By the names that bench/pytorch-gpu.py knows; the mark first, should time run out. */
const eager = ['autocast bf16', 'eager tf32', 'eager f32'] as const
const compiled = ['compiled bf16', 'compiled tf32', 'compiled f32'] as const

/** One of them starts only where so much is left. */
const SECONDS_TO_COMPILE = 60

/** What this project means to reach, training `alexnet` in bf16 by 1024. */
const marks = { net: 'alexnet', how: 'bf16', batch: 1024, mode: 'train' } as const
const MARK_BUSY = 0.95
const MARK_HOST_MS = 0.1

const verdictOf = (reached: boolean) => (reached ? 'ok' : 'below the mark')

/** What lines are made from, as they come. */
interface Course extends GpuBenchOptions {
  /** Images a second by a line's name. */
  readonly speeds: Map<string, number>
  /** What is left of the time for torch.compile. */
  compileSeconds: number
}

/** All nets, batches and ways; what does not fit memory or time is said. */
export async function* gpuBench(options: GpuBenchOptions): AsyncGenerator<GpuLine> {
  const { nets, batches, mode, deadline, compileSeconds = 170 } = options
  const course: Course = { ...options, compileSeconds, speeds: new Map() }
  for (const net of nets) {
    for (const way of [...ours].reverse()) {
      for (const batch of [...batches].reverse()) {
        const name = `alexnode ${way.how}: ${net}, ${mode}, batch ${batch}`
        if (performance.now() > deadline) yield { name, skipped: 'no time was left' }
        else yield* one(name, net, batch, way, course)
      }
    }
    for (const way of eager) yield* beside(net, way, course)
  }
  // Last, and the dtypes that matter most first: it takes the longest.
  for (const way of compiled) for (const net of nets) yield* beside(net, way, course)
}

/** PyTorch's one way of one net, and how ours stands beside it. */
async function* beside(net: string, way: string, course: Course): AsyncGenerator<GpuLine> {
  const { mode, batches, deadline, speeds } = course
  const who = `PyTorch ${way}: ${net}, ${mode}`
  const start = performance.now()
  if (!python) yield { name: who, skipped: withoutPytorch ?? 'PyTorch is not installed' }
  else if (start > deadline) yield { name: who, skipped: 'no time was left' }
  else if (!compiled.some((name) => name === way)) yield* pytorch(who, net, way, course)
  else if (course.compileSeconds < SECONDS_TO_COMPILE) {
    const left = Math.max(0, course.compileSeconds).toFixed(0)
    yield { name: who, skipped: `${left} s were left for torch.compile: --compile-seconds` }
  } else {
    yield* pytorch(who, net, way, course)
    course.compileSeconds -= (performance.now() - start) / 1000
  }
  const how = precisionOf(way)
  for (const batch of batches) {
    const rest = `${net}, ${mode}, batch ${batch}`
    const [a, b] = [speeds.get(`alexnode ${how}: ${rest}`), speeds.get(`PyTorch ${way}: ${rest}`)]
    const name = `alexnode ${how} / PyTorch ${way}: ${rest}`
    if (a !== undefined && b !== undefined) yield { name, ratio: a / b }
  }
}

function precisionOf(way: string): Precision {
  return way.endsWith('bf16') ? 'bf16' : way.endsWith('tf32') ? 'tf32' : 'f32'
}

const floors = new Map<string, ReturnType<typeof floorOf>>()

/** The share of the roofline that a step reaches, on GPUs that are known; nothing on others. */
async function roofline(
  net: string,
  gpu: string,
  how: Precision,
  batch: number,
  mode: 'train' | 'infer'
) {
  const rates = ratesOf(gpu)
  if (!rates) return () => ({})
  const floor = await (floors.get(net) ?? floorOf(netByName(net)))
  floors.set(net, Promise.resolve(floor))
  const ms = floor({ batch, mode, precision: how }, rates)
  return (stepMs: number) => ({ share_of_roofline: ms / stepMs })
}

/**
 * All ops, each timed alone, as a part of a step. Below 1 the GPU waited between them; above 1 some
 * ran side by side, or took longer alone.
 */
function opTimeShare({ calls, stepMs }: BenchResult): number {
  return calls.reduce((sum, { ms }) => sum + ms, 0) / stepMs
}

type Way = (typeof ours)[number]

async function* one(
  name: string,
  net: string,
  batch: number,
  { how, dtype, tf32 }: Way,
  { device: where, mode, steps, instead = (definition) => definition, speeds }: Course
): AsyncGenerator<GpuLine> {
  try {
    await using device = await open(where, { tf32 })
    device.requireDType(dtype)
    const definition = instead(netByName(net))
    const result = await bench(definition, device, { batch, dtype, mode, steps, warmUp: 5 })
    const { imagesPerSecond, stepMs, host } = result
    speeds.set(name, imagesPerSecond.median)
    const gpu = device.gpu?.name ?? ''
    const share = await roofline(net, gpu, how, batch, mode)
    const opShare = opTimeShare(result)
    const [busy, host_mark] = [opShare >= MARK_BUSY, host.cpuMs < MARK_HOST_MS].map(verdictOf)
    yield {
      name,
      images_per_s: imagesPerSecond.median,
      step_ms: stepMs,
      ...share(stepMs),
      op_time_share: opShare,
      busy,
      host_cpu_ms: host.cpuMs,
      host_call_ms: host.callMs,
      host: host_mark
    }
    if (net === marks.net && mode === marks.mode && how === marks.how && batch === marks.batch) {
      yield { name: 'mark: a GPU busy for 95 % of a step or more', verdict: busy }
      yield {
        name: 'mark: less than 100 µs a step of the host, JavaScript and native',
        verdict: host_mark
      }
    }
    if (batch === marks.batch || isDouble(gpu)) yield* byLayer(name, result)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const short = message.slice(0, 300)
    yield isLimit(message) ? { name, skipped: short } : { name, failed: short }
  }
}

/** Whether an error tells of a machine's limit, in memory or dtypes; all else is a fault. */
export function isLimit(message: string): boolean {
  return [
    /^\[net\] .* needs .* are available/,
    /cuDNN convolves tensors of at most 2\^31 - 1 numbers/,
    /\[memory\] .* cannot give \d+ bytes/,
    /out of memory|OUT_OF_MEMORY/i,
    /^\[device\] .* cannot compute in /
  ].some((limit) => limit.test(message))
}

/** Milliseconds of a layer's passes, each op timed alone. */
function* byLayer(name: string, { calls }: BenchResult): Generator<GpuLine> {
  const layers = new Map<string, Record<string, number>>()
  for (const { layer, pass, ms } of calls) {
    const times = layers.get(layer) ?? {}
    times[`${pass}_ms`] = (times[`${pass}_ms`] ?? 0) + ms
    layers.set(layer, times)
  }
  for (const [layer, times] of layers) yield { name: `${name}, ${layer}`, ...times }
}

async function* pytorch(
  name: string,
  net: string,
  way: string,
  { mode, batches, steps, deadline, instead, speeds, compileSeconds }: Course
): AsyncGenerator<GpuLine> {
  const file = fileURLToPath(new URL('pytorch-gpu.py', import.meta.url))
  const sizes = [...batches].reverse().join(',')
  const limit = ['--compile-seconds', `${compileSeconds}`]
  const args = [file, net, way, mode, sizes, `${steps}`, ...limit, ...(instead ? ['--small'] : [])]
  const { stdout, trouble } = await promisify(execFile)(python ?? '', args, {
    // None is 0.
    timeout: deadline === Infinity ? 0 : Math.max(1000, Math.round(deadline - performance.now()))
  }).then(
    ({ stdout }) => ({ stdout, trouble: '' }),
    (error: unknown) => ({
      stdout: String(Object(error).stdout ?? ''),
      trouble: Object(error).killed ? 'no time was left' : String(error).slice(-300)
    })
  )
  for (const text of stdout.trim().split('\n')) {
    if (text === '') continue
    const { batch, images_per_s, step_ms, ...rest } = Object(JSON.parse(text))
    const whole = `${name}, batch ${batch}`
    if (typeof images_per_s === 'number') {
      const share = await roofline(net, String(rest.on), precisionOf(way), batch, mode)
      speeds.set(whole, images_per_s)
      yield { name: whole, images_per_s, step_ms, ...share(step_ms), ...rest }
    } else yield { name: whole, skipped: String(rest.skipped) }
  }
  if (trouble) yield { name, skipped: `PyTorch did not do all of it: ${trouble}` }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const options = { 'compile-seconds': { type: 'string', default: '170' } } as const
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  const [device = 'cuda:0', mode] = positionals
  const lines = gpuBench({
    device,
    mode: mode === 'infer' ? 'infer' : 'train',
    deadline: Infinity,
    batches: [128, 256, 512, 1024],
    nets: ['alexnet', 'torchvision'],
    steps: 50,
    compileSeconds: Number(values['compile-seconds'])
  })
  for await (const line of lines) console.log(JSON.stringify(line))
}
