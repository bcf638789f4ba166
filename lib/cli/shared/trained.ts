/** The options of commands that use a trained net, and how they open it. */
import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { type FoundPicture, findPictures } from '../../data/photos/files/find.ts'
import type { FloatDType } from '../../native/dtype.ts'
import { type Devices, openDevices } from '../../net/placement/devices.ts'
import type { PhotoFiles } from '../../use/photo-files.ts'
import { openTrained, type Trained, type TrainedOptions } from '../../use/trained.ts'
import { counted, someOf } from '../../util/words.ts'
import { type DeviceSettings, preferredDType, settleDevice } from './device.ts'
import { addDeviceOptions, type DeviceArguments } from './device-options.ts'
import { numberParsers } from './numbers.ts'
import { onceEach } from './once.ts'
import { dtypeOption, jsonHelp } from './options.ts'
import { complain } from './output.ts'
import { onePiece, wrapped } from './text.ts'

/** The options that were given. */
export interface TrainedArguments extends DeviceArguments {
  readonly dtype?: FloatDType
  readonly batch?: number
  readonly weights?: string
  readonly json?: boolean
}

/** The default number of images in a batch. */
export const BATCH = 64

/** Adds the options of commands that use a trained net. */
export async function addTrainedOptions(command: Command): Promise<Command> {
  const { whole } = await numberParsers()
  command
    .option('--weights <which>', 'weights of the run: final, best, newest or a step (final)')
    .option('--batch <n>', `images in a batch (${BATCH})`, whole(1))
    .addOption(await dtypeOption())
  return (await addDeviceOptions(command)).option('--json', jsonHelp)
}

/** Open devices, and the nets that were opened on them. */
export interface Opened extends AsyncDisposable {
  readonly devices: Devices
  readonly where: DeviceSettings
  /**
   * Opens a run's net.
   * @throws RunError if there is no run
   */
  net(folder: string, more?: TrainedOptions): Promise<Trained>
}

/** Opens the devices that the command line names. Disposing closes the nets on them, too. */
export async function openFor(given: TrainedArguments): Promise<Opened> {
  const where = await settleDevice(given)
  const devices = await openDevices(where.names, where.options)
  const nets: Trained[] = []
  const dtype = given.dtype ?? preferredDType(devices.first, where).dtype
  return {
    devices,
    where,
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

/** Pictures that the command line names. */
export interface NamedPictures extends AsyncDisposable {
  readonly pictures: readonly FoundPicture[]
  readonly notes: readonly string[]
}

/** Finds the pictures of files and folders. A file that is not there stays, and is reported when it is read. */
export async function namedPictures(
  names: readonly string[],
  signal: AbortSignal
): Promise<NamedPictures> {
  const pictures: FoundPicture[] = []
  const notes: string[] = []
  const opened: { close(): Promise<void> }[] = []
  for (const name of names) {
    const isFolder = (await stat(name).catch(() => undefined))?.isDirectory() ?? false
    if (!isFolder) {
      pictures.push({ name, photo: async () => name })
      continue
    }
    const found = await findPictures(name, signal)
    opened.push(found)
    notes.push(...found.notes)
    if (found.pictures.length === 0) notes.push(`The folder ${name} has no pictures.`)
    for (const one of found.pictures) pictures.push({ ...one, name: join(name, one.name) })
  }
  const { kept, again } = onceEach(pictures, ({ name }) => resolve(name))
  if (again.length > 0) {
    const which = someOf(again.map(({ name }) => name))
    notes.push(`Named again, and counted once: ${counted(again.length, 'picture')} (${which}).`)
  }
  return {
    pictures: kept,
    notes,
    async [Symbol.asyncDispose]() {
      for (const one of opened) await one.close()
    }
  }
}

/** A photograph that could not be decoded. */
export interface SkippedPhoto {
  readonly file: string
  readonly reason: string
}

/** Writes the photographs that could not be decoded to stderr, and sets the exit code to 1 if there are any. */
export function reportSkipped({ files, failures }: PhotoFiles): readonly SkippedPhoto[] {
  const skipped = [...failures]
    .sort(([a], [b]) => a - b)
    .map(([index, reason]) => ({ file: files[index] ?? '', reason }))
  for (const { file, reason } of skipped) {
    const text = `${onePiece(file)}: expected a photograph, got one that ${reason}`
    complain(wrapped(text))
  }
  if (skipped.length > 0) process.exitCode = 1
  return skipped
}
