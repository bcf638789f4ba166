/**
 * Where a build lies: the devices that share it, and the streams between them. The net says what is computed,
 * the placement says where: in slices of the channels (`model`), in shares of the batch (`data`), or in both.
 */
import type { DeviceCore } from '../../engine/core.ts'
import type { Device } from '../../engine/device.ts'
import { Event } from '../../engine/event.ts'
import type { Stream } from '../../engine/stream.ts'

/**
 * How devices share a net. 'model': each owns a slice of the channels. 'data': each has the whole net and a share
 * of the batch. `replicas`: so many shares of the batch, each worked on by an equal number of devices, which own a
 * slice of the channels each.
 */
export type Parallel = 'model' | 'data' | { readonly replicas: number }

/** One device's part of a build. */
export interface Part {
  readonly index: number
  readonly device: Device
  /** Where it computes. */
  readonly stream: Stream
  /** Which share of the batch it works on. */
  readonly replica: number
  /** Which slice of the channels is its own. */
  readonly slice: number
}

/** Some of a batch's images. */
export interface Rows {
  readonly from: number
  readonly count: number
}

type Known = Pick<Device, 'name' | 'kind'>

function listed(devices: readonly Known[]): string {
  return devices.map(({ name }) => name).join(', ')
}

/**
 * In how many shares devices work on a batch.
 * @throws Error for no device, devices of two kinds, or a number that replicas do not divide
 */
export function replicasOf(devices: readonly Known[], parallel: Parallel): number {
  const [first] = devices
  if (!first) throw new Error('[placement] expected one device or more, got none')
  if (devices.some(({ kind }) => kind !== first.kind)) {
    throw new Error(`[placement] expected CPUs or GPUs, got some of each: ${listed(devices)}`)
  }
  const { length } = devices
  const replicas = parallel === 'model' ? 1 : parallel === 'data' ? length : parallel.replicas
  if (!Number.isInteger(replicas) || replicas < 1 || length % replicas !== 0) {
    throw new Error(
      `[placement] replicas: expected a whole number that divides ${length} devices, got ${replicas}`
    )
  }
  return replicas
}

export class Placement {
  /** In the order in which the devices were given: the slices of the first replica first. */
  readonly parts: readonly Part[]
  readonly replicas: number
  /** Devices that share the channels of one replica. */
  readonly slices: number
  /** The part that everything is asked of where there is only one to ask. */
  readonly first: Part
  readonly #links = new Map<Part, Stream>()
  readonly #events = new Map<DeviceCore, Map<number, Event>>()
  readonly #own: boolean

  /**
   * @param stream to compute on, where there is one device; default: one of its own
   * @throws Error for no device, the same one twice, devices of two kinds, or a number that replicas do not divide
   */
  constructor(devices: readonly Device[], parallel: Parallel = 'model', stream?: Stream) {
    const replicas = replicasOf(devices, parallel)
    if (new Set(devices).size < devices.length) {
      throw new Error(`[placement] expected different devices, got one twice: ${listed(devices)}`)
    }
    if (stream && (devices.length > 1 || stream.device !== devices[0])) {
      throw new Error(
        `[placement] a build on ${listed(devices)} has streams of its own: leave 'stream' out`
      )
    }
    this.replicas = replicas
    this.slices = devices.length / replicas
    this.#own = stream === undefined
    this.parts = devices.map((device, index) => ({
      ...{ index, device, stream: stream ?? device.stream() },
      replica: Math.floor(index / this.slices),
      slice: index % this.slices
    }))
    const [part] = this.parts
    if (!part) throw new Error('[placement] has no part')
    this.first = part
  }

  /** The parts of one replica, by slice. */
  of(replica: number): readonly Part[] {
    return this.parts.filter((part) => part.replica === replica)
  }

  /** The stream that copies from this part's device to others. */
  link(part: Part): Stream {
    const known = this.#links.get(part)
    if (known) return known
    const made = part.device.stream({ threads: 1 })
    this.#links.set(part, made)
    return made
  }

  get links(): readonly Stream[] {
    return [...this.#links.values()]
  }

  /** Every stream, those that compute first. */
  get streams(): readonly Stream[] {
    return [...this.parts.map(({ stream }) => stream), ...this.links]
  }

  /** @internal The i-th event of the device of one of the streams. */
  event(stream: Stream, i: number): Event {
    const { device } = stream
    const events = this.#events.get(device) ?? new Map<number, Event>()
    const event = events.get(i) ?? device.adopt(new Event(device))
    this.#events.set(device, events.set(i, event))
    return event
  }

  /**
   * The images of a batch that a replica works on: as equal shares as can be, the first ones larger. A replica
   * for which none is left has room for one, that is not counted.
   */
  rows(replica: number, batch: number): Rows {
    const share = Math.floor(batch / this.replicas)
    const more = batch % this.replicas
    const from = replica * share + Math.min(replica, more)
    return { from, count: Math.max(1, share + (replica < more ? 1 : 0)) }
  }

  /** Resolves when all that was queued is done; rejects with what failed in it. */
  async synchronize(): Promise<void> {
    await Promise.all(this.streams.map((stream) => stream.synchronize()))
  }

  async close(): Promise<void> {
    for (const events of this.#events.values()) for (const event of events.values()) event.close()
    this.#events.clear()
    for (const link of this.#links.values()) await link.close()
    this.#links.clear()
    if (this.#own) for (const { stream } of this.parts) await stream.close()
  }
}
