/** `alexnode summary`: what a net is and takes, with no memory taken for it. */

import type { FloatDType } from '../native/dtype.ts'
import type { Draft } from '../net/draft.ts'
import { netByName, netNames } from '../net/models/index.ts'
import { openDevices } from '../net/placement/devices.ts'
import { sgd } from '../optim/optimizer.ts'
import { choice, command, dtypeOption, parse, readers } from './command.ts'
import {
  addDeviceOptions,
  type DeviceArguments,
  type DeviceSettings,
  deviceText,
  preferredDType,
  settleDevice
} from './device.ts'
import { entry } from './format.ts'
import { program } from './program.ts'
import { layerTable, planText, totals } from './tables.ts'

interface Given extends DeviceArguments {
  readonly net: string
  readonly batch: number
  readonly dtype?: FloatDType
  readonly channels?: number
  readonly classes?: number
  readonly mode?: 'train' | 'infer'
  readonly json?: boolean
}

async function readArguments(): Promise<Given> {
  const { whole } = await readers()
  const summary = await command(
    'summary',
    "Prints a net's layers, shapes, parameters, multiply-adds and memory plan. No memory is taken for it."
  )
  summary
    .usage('--net <name> --batch <n> [options]')
    .addOption((await choice('--net <name>', 'the net', netNames)).makeOptionMandatory())
    .requiredOption('--batch <n>', 'images in a batch', whole(1))
    .addOption(await dtypeOption())
    .addOption(await choice('--mode <mode>', 'what for (train)', ['train', 'infer']))
    .option('--channels <n>', "channels of an image (the net's usual)", whole(1))
    .option('--classes <n>', "classes (the net's usual)", whole(1))
    .option('--json', 'print one JSON object')
  return parse<Given>(await addDeviceOptions(summary), process.argv.slice(2))
}

async function print(draft: Draft, where: DeviceSettings, json: boolean): Promise<void> {
  const { spec: definition, options, layers } = draft
  const { parameters, macs } = totals(layers)
  const memory = draft.plan()
  const { name: net, input } = definition
  if (json) {
    const { tf32, deterministic } = where.options
    const how = { device: where.name, ...where.parallel, ...options, tf32, deterministic }
    const object = { net, input, ...how, parameters, macs, layers, memory }
    process.stdout.write(`${JSON.stringify(object)}\n`)
    return
  }
  const { channels, height, width } = input
  const text = `${net}: ${channels}×${height}×${width} in batches of ${options.batch}, ${options.dtype}`
  const devices = draft.placement.parts.map(({ device }) => device)
  process.stdout.write(
    `${deviceText(devices, where)}\n${entry('Net', text)}\n${await layerTable(layers)}\n${planText(memory)}\n`
  )
}

await program(async () => {
  const given = await readArguments()
  const { net, batch, channels, classes, mode, json = false } = given
  const where = await settleDevice(given)
  await using devices = await openDevices(where.names, where.options)
  const definition = netByName(net, {
    ...(channels !== undefined && { channels }),
    ...(classes !== undefined && { classes })
  })
  const draft = await definition.draft(devices.all, {
    ...{ batch, parallel: where.parallel },
    dtype: given.dtype ?? preferredDType(devices.first, where).dtype,
    training: mode !== 'infer',
    optimizer: sgd({ momentum: 0.9 })
  })
  try {
    await print(draft, where, json)
  } finally {
    await draft.close()
  }
})
