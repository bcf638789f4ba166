/** What programs compute on, as people say it: --device or --devices, --threads, --tf32, --deterministic. */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { chooseDevice } from '../doctor/cuda-probe.ts'
import type { Device, OpenOptions } from '../engine/device.ts'
import { parseDeviceName } from '../native/device-name.ts'
import { replicasOf } from '../net/placement/placement.ts'
import { isObject, readJson } from '../util/files/json.ts'
import { exclusive, readers } from './command.ts'
import { entry } from './format.ts'
import { UsageError } from './program.ts'

/** Of the command line; only what was given. */
export interface DeviceArguments {
  /** 'auto' or nothing: the first GPU where one is ready, else the CPU. */
  readonly device?: string
  /** Several that share a net: names with commas between them. Not with `device`. */
  readonly devices?: string
  /** Shares of the batch, each worked on by an equal number of the devices. */
  readonly replicas?: number
  readonly threads?: number
  readonly tf32?: boolean
  readonly deterministic?: boolean
}

/** What `openDevices` takes, and how the devices share a net. */
export interface DeviceSettings {
  /** For people: all names, with commas between them. */
  readonly name: string
  readonly names: readonly string[]
  /** As a build takes it. */
  readonly parallel: { readonly replicas: number }
  /** Why it is this one, where nobody has said. */
  readonly reason: string | undefined
  readonly options: OpenOptions & { readonly tf32: boolean; readonly deterministic: boolean }
}

/** Adds the options to a command; `several` devices can be given to those that compare them. */
export async function addDeviceOptions(command: Command, several = false): Promise<Command> {
  const { whole } = await readers()
  if (several) {
    const text = 'what to try; others are compared with the first (cpu, and a GPU that is ready)'
    command.option('--device <name...>', text)
  } else {
    const list = 'several that share the net, with commas: cuda:0,cuda:1, or cpu:0,cpu:1'
    command
      .option('--device <name>', 'where: cpu, cuda, cuda:1, cuda:0#1, … (auto: a GPU, if ready)')
      .addOption(await exclusive('--devices <names>', list, 'device'))
      .option(
        '--replicas <n>',
        'shares of the batch; devices of one share its channels (1)',
        whole(1)
      )
  }
  return command
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
 * const { names, parallel, options } = await settleDevice({ devices: 'cuda:0,cuda:1' })
 * await using devices = await openDevices(names, options)
 * await using net = await definition.build(devices.all, { batch, parallel })
 */
export async function settleDevice(
  given: DeviceArguments & { readonly dtype?: string; readonly resume?: string }
): Promise<DeviceSettings> {
  const { threads = availableParallelism(), dtype } = given
  const saved = given.resume === undefined ? {} : await savedOptions(given.resume)
  const tf32 = given.tf32 ?? saved.tf32 === true
  const deterministic = given.deterministic ?? saved.deterministic === true
  if (tf32 && dtype !== undefined && dtype !== 'f32') {
    throw new UsageError(`--tf32 is for --dtype f32, and it is ${dtype}: leave one out.`)
  }
  const { names, reason, replicas } = await chosen(given)
  // A run that was begun with TF32 may go on without it where there is no GPU: as on another device.
  checkDevices({ ...(given.tf32 && { tf32 }) }, names)
  // CPUs share the machine's cores.
  const cpus = Math.max(1, names.filter(isCpu).length)
  const options = {
    threads: Math.max(1, Math.floor(threads / cpus)),
    ...{ tf32: tf32 && !names.every(isCpu), deterministic }
  }
  return { name: names.join(','), names, parallel: { replicas }, reason, options }
}

/** The devices that are asked for, or the one that suits. */
async function chosen({
  device = 'auto',
  devices,
  replicas
}: DeviceArguments): Promise<Pick<DeviceSettings, 'names' | 'reason'> & { replicas: number }> {
  if (devices !== undefined) return { reason: undefined, ...several(devices, replicas) }
  if (replicas !== undefined) {
    throw new UsageError('--replicas is for several devices: name them by --devices.')
  }
  if (device !== 'auto') return { names: [device], reason: undefined, replicas: 1 }
  const { name, reason } = await chooseDevice()
  return { names: [name], reason, replicas: 1 }
}

/** @throws UsageError for devices that cannot share a net */
function several(
  list: string,
  replicas = 1
): { readonly names: readonly string[]; readonly replicas: number } {
  const names = list.split(',').map((name) => name.trim())
  if (names.includes('')) {
    throw new UsageError(
      `--devices: expected names with commas between them, such as cpu:0,cpu:1, got '${list}'.`
    )
  }
  try {
    const known = names.map((name) => ({ name, ...parseDeviceName(name) }))
    const keys = known.map(({ kind, ordinal, share }) => `${kind}:${ordinal}#${share}`)
    const twice = names.find((_, i) => keys.indexOf(keys[i] ?? '') < i)
    if (twice !== undefined) {
      throw new UsageError(`--devices: expected each device once, got ${twice} again in ${list}.`)
    }
    return { names, replicas: replicasOf(known, { replicas }) }
  } catch (error) {
    if (error instanceof UsageError) throw error
    const message = error instanceof Error ? error.message : String(error)
    throw new UsageError(message.replace(/^\[\w+\] /, '--devices: '), { cause: error })
  }
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

/** For people: the devices, how they compute, why it is these, and what each does of the whole. */
export function deviceText(
  devices: readonly Device[],
  { reason, options: { tf32, deterministic }, parallel: { replicas } }: DeviceSettings
): string {
  const modes = [tf32 && 'f32 by TF32', deterministic && 'deterministic'].filter(Boolean)
  const kinds = new Map<string, string[]>()
  for (const { name, description } of devices) {
    kinds.set(description, [...(kinds.get(description) ?? []), name])
  }
  const lines = [...kinds].map(([description, names]) => {
    const each = names.length > 1 ? 'each ' : ''
    return `${names.join(', ')}: ${each}${[description, ...modes].join(', ')}`
  })
  if (reason !== undefined) lines.push(`taken because ${reason}`)
  if (devices.length > 1) lines.push(sharing(devices.length / replicas, replicas))
  return entry('Device', lines.join('\n'))
}

function sharing(slices: number, replicas: number): string {
  const [channels, batch] = [`${one(slices)} of the channels`, `${one(replicas)} of the batch`]
  if (replicas === 1) return `each has ${channels}`
  if (slices === 1) return `each has ${batch}`
  return `each ${slices} together have ${batch}, and each of them ${channels}`
}

/** One of so many equal parts, in words. */
function one(parts: number): string {
  return ['all', 'half', 'a third', 'a quarter'][parts - 1] ?? `1/${parts}`
}
