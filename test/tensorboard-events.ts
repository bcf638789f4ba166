/** Events that are the same on every machine, and a reader of event files that checks their framing. */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cifar } from '../lib/net/models/cifar.ts'
import { EventFile } from '../lib/use/tensorboard/event-file.ts'
import { Events, escaped } from '../lib/use/tensorboard/events.ts'
import { graphOf } from '../lib/use/tensorboard/graph.ts'
import { histogramOf } from '../lib/use/tensorboard/histogram.ts'
import { maskedCrc32c } from '../lib/util/files/crc32c.ts'
import { type Message, readProtobuf } from '../lib/util/files/protobuf.ts'
import { protobufWriter } from '../lib/util/files/protobuf-writer.ts'

/** What the events hold. */
export const fixed = {
  loss: [2.5, 1.25, 0.625],
  /** Powers of two and their opposites, zeros, and what is not finite. */
  values: Float32Array.of(1, 1, 2, -2, -0.5, 0, 0, 3, Number.NaN, Number.POSITIVE_INFINITY),
  settings: { net: 'cifar', lr: 0.01, validate: true },
  text: '<b>not</b> *bold* | 4 < 5'
} as const

/** A grey picture of one pixel. */
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==',
  'base64'
)

/** Writes a file of the events, in a folder of its own. */
export async function writeFixed(folder: string): Promise<string> {
  const start = await protobufWriter()
  const events = new Events(start, () => 1_700_000_000)
  const file = await EventFile.create(folder)
  const { input, layers } = cifar({ classes: 3 })
  file.add(events.version())
  file.add(events.graph(graphOf(start, { definition: { input, layers }, layers: [], batch: 4 })))
  file.add(events.summary(0, [events.settings(fixed.settings)]))
  for (const [i, loss] of fixed.loss.entries()) {
    file.add(events.summary(i + 1, [events.scalar('loss', loss)]))
  }
  const picture = { bytes: PIXEL, height: 1, width: 1 }
  file.add(
    events.summary(3, [
      events.histogram('weights', await histogramOf(fixed.values)),
      events.images('images', [picture, picture]),
      events.text('text', escaped(fixed.text)),
      events.ended('success')
    ])
  )
  await file.close()
  return file.path
}

/** The records of an event file. @throws Error where a CRC or a length is wrong */
export function recordsOf(path: string): Uint8Array[] {
  const bytes = readFileSync(path)
  const records: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at))
    const record = bytes.subarray(at + 12, at + 12 + length)
    const crcs = [bytes.readUInt32LE(at + 8), bytes.readUInt32LE(at + 12 + length)]
    const wanted = [bytes.subarray(at, at + 8), record].map((part) => maskedCrc32c([part]))
    if (String(crcs) !== String(wanted)) throw new Error(`${path}: wrong CRCs at ${at}`)
    records.push(record)
    at += length + 16
  }
  return records
}

/** An event: its step, the step from which on it takes earlier ones back, and its scalars. */
export interface ReadEvent {
  readonly step: number
  readonly restarts: boolean
  readonly tags: readonly string[]
  readonly scalars: Readonly<Record<string, number>>
}

/** The events of a file. */
export async function eventsOf(path: string): Promise<readonly ReadEvent[]> {
  const folder = await mkdtemp(join(tmpdir(), 'alexnode-events-'))
  try {
    const read: ReadEvent[] = []
    for (const record of recordsOf(path)) {
      const file = join(folder, 'event')
      await writeFile(file, record)
      read.push(await readProtobuf('event', file, eventOf))
    }
    return read
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function eventOf(event: Message): Promise<ReadEvent> {
  const values = (await (await event.message(5))?.messages(1)) ?? []
  const tags: string[] = []
  const scalars: Record<string, number> = {}
  for (const value of values) {
    const tag = (await value.text(1)) ?? ''
    const scalar = await value.float(2)
    tags.push(tag)
    if (scalar !== undefined) scalars[tag] = scalar
  }
  const step = event.integer(2) ?? 0
  return { step, restarts: event.has(7), tags, scalars }
}
