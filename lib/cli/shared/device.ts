/** Chooses devices and their modes by the options of a command line. */
import { chooseDevice, probeCuda } from '../../doctor/cuda-probe.ts'
import type { Device, OpenOptions } from '../../engine/device.ts'
import { identityOf } from '../../group/identity.ts'
import { usualThreads } from '../../group/threads.ts'
import { parseDeviceName } from '../../native/device-name.ts'
import { replicasOf } from '../../net/placement/placement.ts'
import { peekSettings } from '../../run/saved-settings.ts'
import type { DeviceArguments } from './device-options.ts'
import { messageOf, UsageError } from './program.ts'

/** The arguments of `openDevices`, and how the devices share a net. */
export interface DeviceSettings {
  /** All names, comma-separated. */
  readonly name: string
  readonly names: readonly string[]
  /** The option `parallel` of a build. */
  readonly parallel: { readonly replicas: number }
  /** Why this device was chosen; undefined if the command line names it. */
  readonly reason: string | undefined
  readonly options: OpenOptions & { readonly tf32: boolean; readonly deterministic: boolean }
}

function isCpu(name: string): boolean {
  try {
    return parseDeviceName(name).kind === 'cpu'
  } catch {
    // Opening it says that there is no such device.
    return false
  }
}

/** @throws UsageError for an option that needs a GPU where none is among the devices */
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
 * Chooses devices and their modes.
 *
 * @param given the command line's options; `resume` is the folder of a resumed run, whose newest run's modes are the
 * defaults
 * @throws UsageError for options that exclude each other
 *
 * @example
 * const { names, parallel, options } = await settleDevice({ devices: 'cuda:0,cuda:1' })
 * await using devices = await openDevices(names, options)
 * await using net = await definition.build(devices.all, { batch, parallel })
 */
export async function settleDevice(
  given: DeviceArguments & { readonly dtype?: string; readonly resume?: string }
): Promise<DeviceSettings> {
  const { threads = usualThreads(), dtype } = given
  const saved = given.resume === undefined ? {} : await peekSettings(given.resume)
  const tf32 = given.tf32 ?? saved.tf32 === true
  const deterministic = given.deterministic ?? saved.deterministic === true
  if (tf32 && dtype !== undefined && dtype !== 'f32') {
    throw new UsageError(`--tf32 is for --dtype f32, and it is ${dtype}: leave one out.`)
  }
  const { names, reason, replicas } = await chosen(given)
  // A run that was started with TF32 may be resumed without it on a CPU.
  checkDevices({ ...(given.tf32 && { tf32 }) }, names)
  // CPUs share the machine's cores.
  const cpus = Math.max(1, names.filter(isCpu).length)
  const options = {
    threads: Math.max(1, Math.floor(threads / cpus)),
    tf32: tf32 && !names.every(isCpu),
    deterministic
  }
  return { name: names.join(','), names, parallel: { replicas }, reason, options }
}

/** The devices that are named, or the best one that is ready. */
async function chosen({
  device = 'auto',
  devices,
  replicas
}: DeviceArguments): Promise<Pick<DeviceSettings, 'names' | 'reason'> & { replicas: number }> {
  if (devices !== undefined) return { reason: undefined, ...several(devices, replicas) }
  if (replicas !== undefined) {
    throw new UsageError('--replicas is for several devices: name them by --devices.')
  }
  if (device !== 'auto') return { names: [await own(device)], reason: undefined, replicas: 1 }
  const { name, reason } = await chooseDevice()
  return { names: [await own(name === 'cuda:0' ? 'cuda' : name)], reason, replicas: 1 }
}

/**
 * Of several processes on a machine each takes a GPU of its own, where none is named: by its number there. A launcher
 * may also show each but one.
 */
async function own(name: string): Promise<string> {
  const { localRank, localSize } = identityOf() ?? { localRank: 0, localSize: 1 }
  if (name !== 'cuda' || localSize === 1) return name
  const { devices } = await probeCuda()
  return `cuda:${localRank % Math.max(1, devices)}`
}

/** @throws UsageError for devices that cannot share a net */
function several(
  list: string,
  replicas = 1
): { readonly names: readonly string[]; readonly replicas: number } {
  const names = list.split(',').map((name) => name.trim())
  if (names.includes('')) {
    throw new UsageError(
      `--devices: expected comma-separated names, such as cpu:0,cpu:1, got '${list}'.`
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
    throw new UsageError(messageOf(error).replace(/^\[\w+\] /, '--devices: '), { cause: error })
  }
}

/** The dtype to compute in if none is given, and why. */
export function preferredDType(
  device: Device,
  { options }: DeviceSettings
): Device['preferredDType'] {
  return options.tf32 ? { dtype: 'f32', reason: 'TF32 needs it' } : device.preferredDType
}
