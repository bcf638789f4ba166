/** What programs compute on, as people say it: --device, --threads, --tf32, --deterministic. */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { chooseDevice } from '../cuda-probe.ts'
import type { Device, OpenOptions } from '../device.ts'
import { isObject, readJson } from '../files/json.ts'
import { readers } from './command.ts'
import { entry } from './format.ts'
import { UsageError } from './program.ts'

/** Of the command line; only what was given. */
export interface DeviceArguments {
  /** 'auto' or nothing: the first GPU where one is ready, else the CPU. */
  readonly device?: string
  readonly threads?: number
  readonly tf32?: boolean
  readonly deterministic?: boolean
}

/** What `open` takes. */
export interface DeviceSettings {
  readonly name: string
  /** Why it is this one, where nobody has said. */
  readonly reason: string | undefined
  readonly options: OpenOptions & { readonly tf32: boolean; readonly deterministic: boolean }
}

/** Adds the options to a command; `several` devices can be given to those that compare them. */
export async function addDeviceOptions(command: Command, several = false): Promise<Command> {
  const { whole } = await readers()
  return command
    .option(
      several ? '--device <name...>' : '--device <name>',
      several
        ? 'what to try; others are compared with the first (cpu, and a GPU that is ready)'
        : 'where: cpu, cuda, cuda:1, cuda:0#1, … (auto: a GPU where one is ready)'
    )
    .option('--threads <n>', 'CPU threads (as many as there are cores)', whole(1))
    .option('--tf32', 'on a GPU, round the factors of f32 products to TF32')
    .option('--deterministic', 'on a GPU, the same bits from the same run, at some cost')
}

function isCpu(name: string): boolean {
  return name.startsWith('cpu')
}

/** @throws UsageError for options that no device listed can heed */
export function checkDevices(
  options: { readonly tf32?: boolean; readonly cudnn?: boolean },
  names: readonly string[]
): void {
  if (!names.every(isCpu)) return
  for (const [name, given] of Object.entries(options)) {
    if (!given) continue
    const where = names.join(', ')
    throw new UsageError(`--${name} is for GPUs, and the device is ${where}: leave it out.`)
  }
}

/**
 * Settles what to compute on.
 *
 * @param given what the command line says, and the folder of a run that goes on, whose options hold
 * @throws UsageError for options that do not go together
 *
 * @example
 * const { name, options } = await settleDevice({ device: 'cuda:0', tf32: true })
 * await using device = await open(name, options)
 */
export async function settleDevice(
  given: DeviceArguments & { readonly dtype?: string; readonly resume?: string }
): Promise<DeviceSettings> {
  const { device = 'auto', threads = availableParallelism(), dtype } = given
  const saved = given.resume === undefined ? {} : await savedOptions(given.resume)
  const tf32 = given.tf32 ?? saved.tf32 === true
  const deterministic = given.deterministic ?? saved.deterministic === true
  if (tf32 && dtype !== undefined && dtype !== 'f32') {
    throw new UsageError(`--tf32 is for --dtype f32, and it is ${dtype}: leave one out.`)
  }
  const { name, reason } =
    device === 'auto' ? await chooseDevice() : { name: device, reason: undefined }
  // A run that was begun with TF32 may go on without it where there is no GPU: as on another device.
  checkDevices({ ...(given.tf32 && { tf32 }) }, [name])
  return { name, reason, options: { threads, tf32: tf32 && !isCpu(name), deterministic } }
}

/** What the run in a folder was started with, as far as it can be read. */
async function savedOptions(folder: string): Promise<Readonly<Record<string, unknown>>> {
  const options = await readJson(join(folder, 'options.json')).catch(() => undefined)
  return isObject(options) ? options : {}
}

/** What to compute in where nobody has said, and why. */
export function preferredDType(
  device: Device,
  { options }: DeviceSettings
): Device['preferredDType'] {
  return options.tf32 ? { dtype: 'f32', reason: 'TF32 is for it' } : device.preferredDType
}

/** For people: the device, how it computes, and why it is this one. */
export function deviceText(
  { name, description }: Device,
  { reason, options: { tf32, deterministic } }: DeviceSettings
): string {
  const modes = [description, tf32 && 'f32 by TF32', deterministic && 'deterministic']
  const why = reason === undefined ? '' : `\ntaken because ${reason}`
  return entry('Device', `${name}: ${modes.filter(Boolean).join(', ')}${why}`)
}
