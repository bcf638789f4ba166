/** Opens and closes several devices together. */
import { type Device, type OpenOptions, open } from '../../engine/device.ts'
import { checkArguments } from '../../util/check/check.ts'
import { list, text } from '../../util/check/rules.ts'

/** Devices that are closed together: by `close`, or by `await using`. */
export interface Devices extends AsyncDisposable {
  /** In the order of their names. */
  readonly all: readonly Device[]
  /** The first device. */
  readonly first: Device
  /** Closes all devices, the last one first. */
  close(): Promise<void>
}

/**
 * Opens several devices for one net.
 *
 * @param names as `open` takes them: 'cpu', 'cuda:1', …
 * @param options of every device
 * @throws Error for no name, and for a device that `open` cannot open; no device stays open then
 *
 * @example
 * await using devices = await openDevices(['cuda:0', 'cuda:1'])
 * await using net = await alexnet().build(devices.all, { batch: 128 })
 */
export async function openDevices(
  names: readonly string[],
  options: OpenOptions = {}
): Promise<Devices> {
  checkArguments('device', { names: [names, list(text, { least: 1 })] })
  const all: Device[] = []
  const close = async () => {
    for (const device of [...all].reverse()) await device.close()
  }
  try {
    for (const name of names) all.push(await open(name, options))
    const [first] = all
    if (!first) throw new Error('[device] expected the name of one device or more, got none')
    return { all, first, close, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}
