/** `alexnode bench`: a net's speed on generated input that lies on the device. */
import type { FloatDType } from '../native/dtype.ts'
import { netByName, netNames } from '../net/models/index.ts'
import { openDevices } from '../net/placement/devices.ts'
import { type BenchResult, bench, type Profile } from '../training/bench/bench.ts'
import { writeTrace } from '../training/bench/chrome-trace.ts'
import { layerJson } from '../training/bench/per-layer.ts'
import { choice, command, parse } from './shared/command.ts'
import { preferredDType, settleDevice } from './shared/device.ts'
import { addDeviceOptions, type DeviceArguments } from './shared/device-options.ts'
import { deviceText } from './shared/device-text.ts'
import { pace } from './shared/format.ts'
import { numberParsers } from './shared/numbers.ts'
import { dtypeOption, jsonHelp, traceHelp } from './shared/options.ts'
import { print, printJson } from './shared/output.ts'
import { program } from './shared/program.ts'
import { tableText } from './shared/table.ts'
import { entry, onePiece } from './shared/text.ts'

/** Op calls in the table; the others are one row. */
const SHOWN = 30

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
  const { whole } = await numberParsers()
  const bench = await command(
    'bench',
    'Measures training or inference on generated images that lie on the device. Training includes ' +
      'SGD with momentum and weight decay. Warm-up does not count.'
  )
  bench
    .usage('--net <name> --batch <n> [options]')
    .addOption((await choice('--net <name>', 'net', netNames)).makeOptionMandatory())
    .requiredOption('--batch <n>', 'images in a batch', whole(1))
    .addOption(await dtypeOption())
    .addOption(await choice('--mode <mode>', 'what to measure (train)', ['train', 'infer']))
    .option('--steps <n>', 'steps to time (10)', whole(1))
    .option('--trace <file>', traceHelp)
    .option('--winograd', "convolve by Winograd's method where that is faster (on)")
    .option('--no-winograd', 'convolve directly')
    .option('--json', jsonHelp)
  return parse<Given>(await addDeviceOptions(bench))
}

/** The peak memory of this process, in MB of 2²⁰ bytes. */
function peakMegabytes(): number {
  return process.resourceUsage().maxRSS / 1024
}

const reordersOf = ({ layers }: Profile) => layers.reduce((sum, { reorders }) => sum + reorders, 0)

function jsonOf(result: BenchResult, settings: object): object {
  const { stepMs, imagesPerSecond, host, outsideMs, layers } = result
  return {
    images_per_s: imagesPerSecond.median,
    images_per_s_min: imagesPerSecond.min,
    images_per_s_max: imagesPerSecond.max,
    step_ms: stepMs,
    host_cpu_ms: host.cpuMs,
    host_call_ms: host.callMs,
    outside_ms: outsideMs,
    peak_rss_mb: peakMegabytes(),
    ...settings,
    reorders: reordersOf(result),
    per_layer: layers.map(layerJson)
  }
}

/** The slowest op calls, in the order of the step. */
function callTable({ calls }: BenchResult): Promise<string> {
  const slowest = [...calls].sort((a, b) => b.ms - a.ms)
  const shown = new Set(slowest.slice(0, SHOWN))
  const rows = calls
    .filter((call) => shown.has(call))
    .map(({ layer, pass, op, implementation, ms }) => {
      return [layer, pass, op, implementation, ms.toFixed(2)]
    })
  const rest = slowest.slice(SHOWN)
  const ms = rest.reduce((sum, call) => sum + call.ms, 0)
  return tableText(
    {
      head: ['layer', 'pass', 'op', 'implementation', 'ms'],
      align: ['left', 'left', 'left', 'left', 'right'],
      widths: [10, 10, 25, 20, 9]
    },
    rest.length > 0 ? [...rows, ['', '', `${rest.length} more`, '', ms.toFixed(2)]] : rows
  )
}

async function textOf(result: BenchResult): Promise<string> {
  const { steps, stepMs, imagesPerSecond, outsideMs } = result
  const { median, min, max } = imagesPerSecond
  return [
    await callTable(result),
    entry('Speed', `${pace(median)} images/s (${pace(min)} to ${pace(max)})`),
    entry('Step', `${stepMs.toFixed(1)} ms, the median of ${steps.length}`),
    ...(outsideMs === undefined
      ? []
      : [entry('', `${Math.max(0, outsideMs * 1000).toFixed(0)} µs of it outside of ops`)]),
    entry('Reorders', `${reordersOf(result)} a step`),
    entry('Memory', `${peakMegabytes().toFixed(0)} MB at most`)
  ].join('\n')
}

await program(async () => {
  const given = await readArguments()
  const { net, batch, mode, steps, winograd = true, trace, json } = given
  const where = await settleDevice(given)
  await using devices = await openDevices(where.names, where.options)
  const dtype = given.dtype ?? preferredDType(devices.first, where).dtype
  if (!json) print(deviceText(devices.all, where))
  const result = await bench(netByName(net), devices.all, {
    batch,
    dtype,
    winograd,
    parallel: where.parallel,
    ...(mode && { mode }),
    ...(steps !== undefined && { steps }),
    timeline: trace !== undefined
  })
  if (trace !== undefined) await writeTrace(trace, result.timeline ?? [])
  const parallel = where.names.length > 1 ? where.parallel : {}
  const settings = { device: where.name, ...parallel, ...where.options, dtype, winograd }
  if (json) {
    printJson(jsonOf(result, settings))
    return
  }
  print(await textOf(result))
  if (trace !== undefined) print(entry('Trace', onePiece(trace)))
})
