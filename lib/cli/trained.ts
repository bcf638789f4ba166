/** What the programs that use a trained net share: its options, and opening it. */
import type { Command } from 'commander'
import type { FloatDType } from '../native/dtype.ts'
import { type Devices, openDevices } from '../net/placement/devices.ts'
import type { PhotoFiles } from '../use/photo-files.ts'
import { openTrained, type Trained, type TrainedOptions } from '../use/trained.ts'
import { dtypeOption, readers } from './command.ts'
import {
  addDeviceOptions,
  type DeviceArguments,
  type DeviceSettings,
  preferredDType,
  settleDevice
} from './device.ts'
import { onePiece, wrap } from './format.ts'

/** Of the command line; only what was given. */
export interface TrainedArguments extends DeviceArguments {
  readonly dtype?: FloatDType
  readonly batch?: number
  readonly weights?: string
  readonly json?: boolean
}

/** Images in a batch, unless something else is said. */
export const BATCH = 64

/** Adds to a command what using a trained net can be told. */
export async function addTrainedOptions(command: Command): Promise<Command> {
  const { whole } = await readers()
  command
    .option('--weights <which>', "which of the run's weights: final, best, newest, a step (final)")
    .option('--batch <n>', `images in a batch (${BATCH})`, whole(1))
    .addOption(await dtypeOption())
  return (await addDeviceOptions(command)).option('--json', 'print one JSON object')
}

/** The devices, and how to open nets on them. */
export interface Opened extends AsyncDisposable {
  readonly devices: Devices
  readonly where: DeviceSettings
  /** @throws RunError where there is no run */
  net(folder: string, more?: TrainedOptions): Promise<Trained>
}

/** Opens the devices that are asked for; nets that are opened on them are closed with them. */
export async function openFor(given: TrainedArguments): Promise<Opened> {
  const where = await settleDevice(given)
  const devices = await openDevices(where.names, where.options)
  const nets: Trained[] = []
  const dtype = given.dtype ?? preferredDType(devices.first, where).dtype
  return {
    ...{ devices, where },
    async net(folder, more = {}) {
      const { weights, batch = BATCH } = given
      const options = { batch, dtype, weights, parallel: where.parallel, ...more }
      const trained = await openTrained(folder, devices.all, options)
      nets.push(trained)
      return trained
    },
    async [Symbol.asyncDispose]() {
      for (const net of nets.reverse()) await net.close()
      await devices.close()
    }
  }
}

/** Prints the object of `--json`. */
export function printJson(object: object): void {
  process.stdout.write(`${JSON.stringify(object)}\n`)
}

/** Tells on stderr of photographs that could not be used. */
export function tellSkipped({ files, failures }: PhotoFiles): { file: string; reason: string }[] {
  return [...failures]
    .sort(([a], [b]) => a - b)
    .map(([index, reason]) => {
      const file = files[index] ?? ''
      const text = `${onePiece(file)}: expected a photograph, got one that ${reason}`
      process.stderr.write(`${wrap(text).join('\n')}\n`)
      return { file, reason }
    })
}
