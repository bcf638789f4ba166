/** `alexnode summary`: layers, parameters, multiply-adds and memory plan of a net; or what a file of weights holds. */
import type { FloatDType } from '../native/dtype.ts'
import type { NetDefinition } from '../net/definition.ts'
import type { Draft } from '../net/draft.ts'
import { netByName, netNames } from '../net/models/index.ts'
import { openDevices } from '../net/placement/devices.ts'
import { sgd } from '../optim/optimizer.ts'
import { freezeOf } from '../run/freeze.ts'
import { choice, command, parse } from './shared/command.ts'
import { type DeviceSettings, preferredDType, settleDevice } from './shared/device.ts'
import { addDeviceOptions, type DeviceArguments } from './shared/device-options.ts'
import { deviceText } from './shared/device-text.ts'
import { frozenText, layerTable, planText, totals } from './shared/net-text.ts'
import { numberParsers } from './shared/numbers.ts'
import { dtypeOption, jsonHelp } from './shared/options.ts'
import { print, printJson } from './shared/output.ts'
import { program, UsageError } from './shared/program.ts'
import { entry } from './shared/text.ts'
import { summaryOf, weightsJson, weightsText } from './summary/weights.ts'

interface Given extends DeviceArguments {
  readonly net?: string
  readonly batch?: number
  readonly weights?: string
  readonly dtype?: FloatDType
  readonly channels?: number
  readonly classes?: number
  readonly freeze?: string
  readonly mode?: 'train' | 'infer'
  readonly json?: boolean
}

async function readArguments(): Promise<Given> {
  const { whole } = await numberParsers()
  const summary = await command(
    'summary',
    "Prints a net's layers, shapes, parameters, multiply-adds and memory plan. Allocates no memory for it. " +
      'Or says what a file of weights holds, and which nets it fits: nothing in the file is run.'
  )
  summary
    .usage('--net <name> --batch <n> | --weights <file> [options]')
    .addOption(await choice('--net <name>', 'net', netNames))
    .option('--batch <n>', 'images in a batch', whole(1))
    .option(
      '--weights <file>',
      "a file of weights of any kind: safetensors, PyTorch's, Keras's, Caffe's or ONNX"
    )
    .addOption(await dtypeOption())
    .addOption(await choice('--mode <mode>', 'purpose of the build (train)', ['train', 'infer']))
    .option('--channels <n>', "channels of an image (the net's default)", whole(1))
    .option('--classes <n>', "classes (the net's default)", whole(1))
    .option(
      '--freeze <layers>',
      'layers that stay as they are: features, all-but-head, or names, comma-separated (none)'
    )
    .option('--json', jsonHelp)
  return parse<Given>(await addDeviceOptions(summary))
}

function jsonOf(draft: Draft, where: DeviceSettings): object {
  const { spec, options, layers } = draft
  const { tf32, deterministic } = where.options
  return {
    net: spec.name,
    input: spec.input,
    device: where.name,
    ...where.parallel,
    ...options,
    tf32,
    deterministic,
    ...totals(layers),
    layers,
    memory: draft.plan()
  }
}

async function textOf(draft: Draft, where: DeviceSettings): Promise<string> {
  const { spec, options, layers, placement } = draft
  const { channels, height, width } = spec.input
  const input = `${channels}×${height}×${width} in batches of ${options.batch}`
  return [
    deviceText(
      placement.parts.map(({ device }) => device),
      where
    ),
    entry('Net', `${spec.name}: ${input}, ${options.dtype}`),
    await layerTable(layers),
    ...frozenText(layers),
    planText(draft.plan())
  ].join('\n')
}

/** The net that is asked for. */
function netOf(name: string, { channels, classes }: Given): NetDefinition {
  return netByName(name, {
    ...(channels !== undefined && { channels }),
    ...(classes !== undefined && { classes })
  })
}

async function ofWeights(path: string, given: Given): Promise<void> {
  const { net, json = false } = given
  const idle = Object.keys(given).find(
    (key) =>
      !['weights', 'json', 'net', ...(net === undefined ? [] : ['channels', 'classes'])].includes(
        key
      )
  )
  if (idle !== undefined) {
    const option = idle.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    const why = ['channels', 'classes'].includes(idle)
      ? 'needs --net here'
      : 'has no effect on --weights'
    throw new UsageError(`alexnode summary: --${option} ${why}: leave it out.`)
  }
  const summary = await summaryOf(path, net === undefined ? undefined : netOf(net, given))
  if (json) printJson(weightsJson(summary))
  else print(weightsText(summary))
}

function needed<Value>(value: Value | undefined, option: string): Value {
  if (value !== undefined) return value
  throw new UsageError(`alexnode summary: required option '${option}' not specified\nTry --help.`)
}

async function ofNet(given: Given): Promise<void> {
  const { mode, json = false } = given
  const definition = netOf(needed(given.net, '--net <name>'), given)
  const batch = needed(given.batch, '--batch <n>')
  const where = await settleDevice(given)
  await using devices = await openDevices(where.names, where.options)
  const draft = await definition.draft(devices.all, {
    batch,
    parallel: where.parallel,
    dtype: given.dtype ?? preferredDType(devices.first, where).dtype,
    training: mode !== 'infer',
    freeze: freezeOf(given),
    optimizer: sgd({ momentum: 0.9 })
  })
  try {
    if (json) printJson(jsonOf(draft, where))
    else print(await textOf(draft, where))
  } finally {
    await draft.close()
  }
}

await program(async () => {
  const given = await readArguments()
  await (given.weights === undefined ? ofNet(given) : ofWeights(given.weights, given))
})
