/** The CPU of a process that runs cases. */
import { type Device, open } from '../../../lib/engine/device.ts'

let opened: Promise<Device> | undefined

/** Opens it once. */
export function deviceOf(): Promise<Device> {
  opened ??= open('cpu', { threads: 1 })
  return opened
}
