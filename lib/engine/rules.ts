/** What devices and their parts must be, for functions that take them. */
import { either, instance, list, type Rule } from '../util/check/rules.ts'
import { Device } from './device.ts'
import { Stream } from './stream.ts'

export const aDevice: Rule = instance(Device, 'a device that open() made')

/** One device or several. */
export const devices: Rule = either(aDevice, list(aDevice, { least: 1 }))

export const aStream: Rule = instance(Stream, 'a stream of a device')
