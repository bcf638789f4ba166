/** The options that choose devices: --device or --devices, --replicas, --threads, --tf32, --deterministic. */
import type { Command } from 'commander'
import { exclusive } from './command.ts'
import { numberParsers } from './numbers.ts'

/** The device options that were given. */
export interface DeviceArguments {
  /** Default 'auto': the first GPU if one is ready, else the CPU. */
  readonly device?: string
  /** Comma-separated names of devices that share a net. Excludes `device`. */
  readonly devices?: string
  /** Copies of the net; each computes a share of the batch on an equal number of the devices. */
  readonly replicas?: number
  readonly threads?: number
  readonly tf32?: boolean
  readonly deterministic?: boolean
}

/** Adds the options of a command that computes on one device, or on several that share a net. */
export async function addDeviceOptions(command: Command): Promise<Command> {
  const { whole } = await numberParsers()
  const list = 'devices that share the net, comma-separated: cuda:0,cuda:1 or cpu:0,cpu:1'
  command
    .option('--device <name>', 'cpu, cuda, cuda:1, cuda:0#1, … (a GPU if ready, else cpu)')
    .addOption(await exclusive('--devices <names>', list, 'device'))
    .option(
      '--replicas <n>',
      'replicas of the net; the devices of one share its channels (1)',
      whole(1)
    )
  return addModeOptions(command)
}

/** Adds the options of a command that compares devices. */
export function addComparedDevices(command: Command): Promise<Command> {
  const text = 'devices to test; the first is the reference (cpu, and a GPU if ready)'
  return addModeOptions(command.option('--device <name...>', text))
}

async function addModeOptions(command: Command): Promise<Command> {
  const { whole } = await numberParsers()
  return command
    .option('--threads <n>', 'CPU threads (one per core)', whole(1))
    .option('--tf32', 'round the factors of f32 products to TF32 (GPU only)')
    .option('--deterministic', 'equal runs give equal bits, at some cost (GPU only)')
}
