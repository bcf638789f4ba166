/**
 * Training and inference on a GPU beside PyTorch on the same one, in turn: ours in f32, TF32 and bf16; PyTorch
 * eager in f32 with TF32 forbidden and allowed, with autocast to bf16 and channels_last, and compiled so.
 * Prints a JSON object a line.
 *
 * node --import tsx bench/gpu.ts [DEVICE=cuda:0] [train|infer]
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type BenchResult, bench } from '../lib/bench.ts'
import type { NetDefinition } from '../lib/definition.ts'
import { open } from '../lib/device.ts'
import { netByName } from '../lib/nets/index.ts'
import { python, withoutPytorch } from '../test/pytorch/run.ts'
import { isDouble } from './double.ts'

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

/** By the names that bench/pytorch-gpu.py knows. */
const theirs = ['eager f32', 'eager tf32', 'autocast bf16', 'compiled bf16'] as const

/**
 * Milliseconds below which a training step of `alexnet` in bf16, with masters in f32, cannot go on
 * one H200: the sum over its kernels of max(FLOP / rate, bytes / rate), for 4.1 GFLOP and 10.2 MB an
 * image and 1.58 GB a step. Source of the rates: measured on one H200, 790 TFLOP/s in bf16 and
 * 4.3 TB/s; not by this project, which has met no GPU. Of other GPUs, nets and dtypes it says nothing.
 */
const floorsOfH200: Readonly<Record<number, number>> = {
  128: 1.11,
  256: 1.87,
  512: 3.46,
  1024: 6.64
}

/**
 * All ops, each timed alone, as a part of a step. Below 1 the GPU waited between them; above 1 some
 * ran side by side, or took longer alone.
 */
function opTimeShare({ calls, stepMs }: BenchResult): number {
  return calls.reduce((sum, { ms }) => sum + ms, 0) / stepMs
}

/** All nets, batches and ways; what does not fit memory or time is said. */
export async function* gpuBench(options: GpuBenchOptions): AsyncGenerator<GpuLine> {
  const { nets, batches, mode, deadline } = options
  const speeds = new Map<string, number>()
  const late = () => performance.now() > deadline
  for (const net of nets) {
    // The mark first, should time run out.
    for (const way of [...ours].reverse()) {
      for (const batch of [...batches].reverse()) {
        const name = `alexnode ${way.how}: ${net}, ${mode}, batch ${batch}`
        if (late()) yield { name, skipped: 'no time was left' }
        else yield* one(name, net, batch, way, options, speeds)
      }
    }
    for (const way of [...theirs].slice(2).concat(theirs.slice(0, 2))) {
      const name = `PyTorch ${way}: ${net}, ${mode}`
      if (!python) yield { name, skipped: withoutPytorch ?? 'PyTorch is not installed' }
      else if (late()) yield { name, skipped: 'no time was left' }
      else yield* pytorch(name, net, way, options, speeds)
    }
    for (const batch of batches) {
      for (const way of ['autocast bf16', 'compiled bf16']) {
        const [a, b] = ['alexnode bf16', `PyTorch ${way}`].map((who) =>
          speeds.get(`${who}: ${net}, ${mode}, batch ${batch}`)
        )
        const name = `alexnode bf16 / PyTorch ${way}: ${net}, ${mode}, batch ${batch}`
        if (a !== undefined && b !== undefined) yield { name, ratio: a / b }
      }
    }
  }
}

type Way = (typeof ours)[number]

async function* one(
  name: string,
  net: string,
  batch: number,
  { how, dtype, tf32 }: Way,
  { device: where, mode, steps, instead = (definition) => definition }: GpuBenchOptions,
  speeds: Map<string, number>
): AsyncGenerator<GpuLine> {
  try {
    await using device = await open(where, { tf32 })
    device.requireDType(dtype)
    const definition = instead(netByName(net))
    const result = await bench(definition, device, { batch, dtype, mode, steps, warmUp: 5 })
    const { imagesPerSecond, stepMs, host } = result
    speeds.set(name, imagesPerSecond.median)
    const floor = net === 'alexnet' && mode === 'train' && how === 'bf16' && floorsOfH200[batch]
    yield {
      ...{ name, images_per_s: imagesPerSecond.median, step_ms: stepMs },
      op_time_share: opTimeShare(result),
      ...{ host_cpu_ms: host.cpuMs, host_call_ms: host.callMs },
      ...(floor && { share_of_h200_floor: floor / stepMs })
    }
    if (batch === 1024 || isDouble(device.gpu?.name ?? '')) yield* byLayer(name, result)
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
  { mode, batches, steps, deadline, instead }: GpuBenchOptions,
  speeds: Map<string, number>
): AsyncGenerator<GpuLine> {
  const file = fileURLToPath(new URL('pytorch-gpu.py', import.meta.url))
  // A compiled net is compiled anew for each batch, which takes a minute: the ends of the list.
  const few = way.startsWith('compiled') ? [batches.at(-1), batches[0]] : [...batches].reverse()
  const sizes = [...new Set(few)].join(',')
  const args = [file, net, way, mode, sizes, `${steps}`, ...(instead ? ['--small'] : [])]
  try {
    const { stdout } = await promisify(execFile)(python ?? '', args, {
      // None is 0.
      timeout: deadline === Infinity ? 0 : Math.max(1000, Math.round(deadline - performance.now()))
    })
    for (const text of stdout.trim().split('\n')) {
      const { batch, images_per_s, ...rest } = Object(JSON.parse(text))
      const whole = `${name}, batch ${batch}`
      if (typeof images_per_s === 'number') {
        speeds.set(whole, images_per_s)
        yield { name: whole, images_per_s, ...rest }
      } else yield { name: whole, skipped: String(rest.skipped) }
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    yield { name, skipped: `PyTorch did not do it: ${message.slice(-300)}` }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [device = 'cuda:0', mode] = process.argv.slice(2)
  const whole = { batches: [128, 256, 512, 1024], nets: ['alexnet', 'torchvision'], steps: 50 }
  const lines = gpuBench({
    ...{ device, mode: mode === 'infer' ? 'infer' : 'train', deadline: Infinity },
    ...whole
  })
  for await (const line of lines) console.log(JSON.stringify(line))
}
