import { native } from '../native/binding.ts'
import type { DeviceCore } from './core.ts'
import { DeviceHandle } from './device-handle.ts'

/**
 * Marks a point in a stream that other streams wait for.
 *
 * @example
 * const event = device.event()
 * stream.record(event)
 * other.wait(event)
 */
export class Event extends DeviceHandle {
  /** @internal Use `device.event`. */
  constructor(device: DeviceCore) {
    super(device, { what: '[event]', id: native.openEvent(device.id), free: native.closeEvent })
  }
}
