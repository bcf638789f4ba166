/** Devices that work together, and are opened and closed together. */
import { type Device, type OpenOptions, open } from '../../engine/device.ts'

export interface Devices extends AsyncDisposable {
  /** In the order in which they were named. */
  readonly all: readonly Device[]
  readonly first: Device
  close(): Promise<void>
}

/**
 * Opens devices by their names, as `open` does each; where one cannot be had, none stays open.
 *
 * @throws Error for no name; and what `open` throws
 *
 * @example
 * await using devices = await openDevices(['cuda:0', 'cuda:1'])
 * await using net = await alexnet().build(devices.all, { batch: 128 })
 */
export async function openDevices(
  names: readonly string[],
  options: OpenOptions = {}
): Promise<Devices> {
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
