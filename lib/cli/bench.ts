/** `alexnode bench`: a net's speed on input that lies on the device. */

import type { FloatDType } from '../native/dtype.ts'
import { netByName, netNames } from '../net/models/index.ts'
import { openDevices } from '../net/placement/devices.ts'
import { type BenchResult, bench, type Profile } from '../training/bench/bench.ts'
import { writeTrace } from '../training/bench/chrome-trace.ts'
import { layerJson } from '../training/bench/per-layer.ts'
import { choice, command, dtypeOption, parse, readers, traceHelp } from './command.ts'
import {
  addDeviceOptions,
  type DeviceArguments,
  deviceText,
  preferredDType,
  settleDevice
} from './device.ts'
import { entry, onePiece, pace } from './format.ts'
import { program } from './program.ts'

interface Given extends DeviceArguments {
  readonly net: string
  readonly batch: number
  readonly dtype?: FloatDType
  readonly mode?: 'train' | 'infer'
  readonly steps?: number
  readonly trace?: string
  readonly winograd?: boolean
  readonly json?: boolean
}

async function readArguments(): Promise<Given> {
  const { whole } = await readers()
  const count = whole(1)
  const bench = await command(
    'bench',
    'Measures training or inference on generated images that lie on the device. Training includes ' +
      'SGD with momentum and weight decay. Warm-up does not count.'
  )
  bench
    .usage('--net <name> --batch <n> [options]')
    .addOption((await choice('--net <name>', 'the net', netNames)).makeOptionMandatory())
    .requiredOption('--batch <n>', 'images in a batch', count)
    .addOption(await dtypeOption())
    .addOption(await choice('--mode <mode>', 'what to measure (train)', ['train', 'infer']))
    .option('--steps <n>', 'steps to time (10)', count)
    .option('--trace <file>', traceHelp)
    .option('--winograd', "convolve by Winograd's method where that is faster (on)")
    .option('--no-winograd', 'convolve by the definition alone')
    .option('--json', 'print one JSON object')
  return parse<Given>(await addDeviceOptions(bench), process.argv.slice(2))
}

/** The most memory that this process has held, in MB of 2²⁰ bytes. */
function peakMegabytes(): number {
  return process.resourceUsage().maxRSS / 1024
}

const reordersOf = ({ layers }: Profile) => layers.reduce((sum, { reorders }) => sum + reorders, 0)

function printJson(result: BenchResult, how: object): void {
  const { stepMs, imagesPerSecond, host, outsideMs, layers } = result
  const { median, min, max } = imagesPerSecond
  const object = {
    ...{ images_per_s: median, images_per_s_min: min, images_per_s_max: max },
    ...{ step_ms: stepMs, host_cpu_ms: host.cpuMs, host_call_ms: host.callMs },
    ...{ outside_ms: outsideMs, peak_rss_mb: peakMegabytes(), ...how },
    ...{ reorders: reordersOf(result), per_layer: layers.map(layerJson) }
  }
  process.stdout.write(`${JSON.stringify(object)}\n`)
}

/** The op calls that take longest, and the rest. */
async function printText(result: BenchResult): Promise<void> {
  const { steps, stepMs, imagesPerSecond, calls, outsideMs } = result
  const { default: Table } = await import('cli-table3')
  const table = new Table({
    head: ['layer', 'pass', 'op', 'implementation', 'ms'],
    colAligns: ['left', 'left', 'left', 'left', 'right'],
    colWidths: [10, 10, 25, 20, 9],
    style: { head: [], border: [], compact: true }
  })
  const slowest = [...calls].sort((a, b) => b.ms - a.ms)
  const shown = new Set(slowest.slice(0, 30))
  for (const { layer, pass, op, implementation, ms } of calls.filter((call) => shown.has(call))) {
    table.push([layer, pass, op, implementation, ms.toFixed(2)])
  }
  const rest = slowest.slice(30).reduce((sum, { ms }) => sum + ms, 0)
  if (slowest.length > 30) table.push(['', '', `${slowest.length - 30} more`, '', rest.toFixed(2)])
  const { median, min, max } = imagesPerSecond
  const lines = [
    table.toString(),
    entry('Speed', `${pace(median)} images/s (${pace(min)} to ${pace(max)})`),
    entry('Step', `${stepMs.toFixed(1)} ms, the median of ${steps.length}`),
    ...(outsideMs === undefined
      ? []
      : [entry('', `${Math.max(0, outsideMs * 1000).toFixed(0)} µs of it outside of ops`)]),
    entry('Reorders', `${reordersOf(result)} a step`),
    entry('Memory', `${peakMegabytes().toFixed(0)} MB at most`)
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

await program(async () => {
  const given = await readArguments()
  const { net, batch, mode, steps, winograd = true, trace, json } = given
  const where = await settleDevice(given)
  await using devices = await openDevices(where.names, where.options)
  const dtype = given.dtype ?? preferredDType(devices.first, where).dtype
  if (!json) process.stdout.write(`${deviceText(devices.all, where)}\n`)
  const result = await bench(netByName(net), devices.all, {
    ...{ batch, dtype, winograd, parallel: where.parallel },
    ...(mode && { mode }),
    ...(steps !== undefined && { steps }),
    timeline: trace !== undefined
  })
  if (trace !== undefined) await writeTrace(trace, result.timeline ?? [])
  const shared = where.names.length > 1 ? where.parallel : {}
  if (json) printJson(result, { device: where.name, ...shared, ...where.options, dtype, winograd })
  else await printText(result)
  if (!json && trace !== undefined) process.stdout.write(`${entry('Trace', onePiece(trace))}\n`)
})
