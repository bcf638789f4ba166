/**
 * The devices that a build runs on, and their streams. Devices may split the channels (model parallelism), the batch
 * (data parallelism), or both.
 */
import type { DeviceCore } from '../../engine/core.ts'
import type { Device } from '../../engine/device.ts'
import { Event } from '../../engine/event.ts'
import type { Stream } from '../../engine/stream.ts'
import type { Group } from '../../group/group.ts'
import { either, oneOf, type Rule, record, whole } from '../../util/check/rules.ts'

/**
 * How several devices share a net.
 *
 * - `'model'`: model parallelism. Each device owns an equal slice of every layer's channels.
 * - `'data'`: data parallelism. Each device has the whole net (a replica) and a share of the batch.
 * - `{ replicas }`: both. The batch is split over so many replicas, and each replica's channels over an equal number
 *   of devices.
 *
 * Source: Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks".
 */
export type Parallel =
  | 'model'
  | 'data'
  | {
      /** Shares of the batch. Must divide the number of devices. */
      readonly replicas: number
    }

export const parallelRule: Rule = either(
  oneOf('model', 'data'),
  record<{ replicas: number }>(
    { replicas: whole({ from: 1 }) },
    { expected: 'an object such as { replicas: 2 }' }
  )
)

/** The part of a build that is on one device. */
export interface Part {
  /** Index in the placement. */
  readonly index: number
  readonly device: Device
  /** The stream that computes. */
  readonly stream: Stream
  /** Index of its replica, and so of its share of the batch. */
  readonly replica: number
  /** Index of its slice of the channels. */
  readonly slice: number
}

/** A range of a batch's images. */
export interface Rows {
  readonly from: number
  readonly count: number
}

type DeviceFacts = Pick<Device, 'name' | 'kind'>

function namesOf(devices: readonly DeviceFacts[]): string {
  return devices.map(({ name }) => name).join(', ')
}

/**
 * The number of replicas: shares of the batch.
 * @throws Error for no device, for CPUs together with GPUs, or if the replicas do not divide the devices
 */
export function replicasOf(devices: readonly DeviceFacts[], parallel: Parallel): number {
  const [first] = devices
  if (!first) throw new Error('[placement] expected one device or more, got none')
  if (devices.some(({ kind }) => kind !== first.kind)) {
    throw new Error(`[placement] expected CPUs or GPUs, got some of each: ${namesOf(devices)}`)
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

function streamOf(streams: Map<Part, Stream>, part: Part): Stream {
  const stream = streams.get(part) ?? part.device.stream({ threads: 1 })
  streams.set(part, stream)
  return stream
}

/** The devices of a build, and their streams. */
export class Placement {
  /** In the order of the devices: the slices of the first replica, then those of the next. */
  readonly parts: readonly Part[]
  /** The number of replicas here: shares of the batch. */
  readonly replicas: number
  /** The number of devices that share the channels of one replica. */
  readonly slices: number
  /** The first slice of the first replica. `net.device` and `net.stream` are those of this part. */
  readonly first: Part
  readonly #links = new Map<Part, Stream>()
  readonly #norms = new Map<Part, Stream>()
  readonly #events = new Map<DeviceCore, Map<number, Event>>()
  /** The processes that train the net together, if there are several. */
  readonly group: Group | undefined
  /** The first tag of its collectives. */
  tags = 0
  #joined: Promise<readonly number[]> | undefined
  #numbers: readonly number[] = []
  readonly #ownsStreams: boolean

  /**
   * @param stream to compute on, for one device only; default: a new one
   * @param group of processes, each with a placement like this one
   * @throws Error for no device, for the same one twice, for CPUs together with GPUs, if the replicas do not divide
   * the devices, or for a stream of another device
   */
  constructor(
    devices: readonly Device[],
    parallel: Parallel = 'model',
    stream?: Stream,
    group?: Group
  ) {
    const replicas = replicasOf(devices, parallel)
    if (new Set(devices).size < devices.length) {
      throw new Error(`[placement] expected different devices, got one twice: ${namesOf(devices)}`)
    }
    if (stream && devices.length > 1) {
      throw new Error(
        `[placement] stream: expected none for several devices (${namesOf(devices)}), got one: leave it out`
      )
    }
    if (stream && stream.device !== devices[0]) {
      throw new Error(
        `[placement] stream: expected one of ${namesOf(devices)}, got one of ${stream.device.name}`
      )
    }
    this.group = group && group.size > 1 ? group : undefined
    this.replicas = replicas
    this.slices = devices.length / replicas
    this.#ownsStreams = stream === undefined
    this.parts = devices.map((device, index) => ({
      index,
      device,
      stream: stream ?? device.stream(),
      replica: Math.floor(index / this.slices),
      slice: index % this.slices
    }))
    const [part] = this.parts
    if (!part) throw new Error('[placement] has no part')
    this.first = part
  }

  /** Connects the devices with those of the other processes. A second call does nothing. */
  async join(): Promise<void> {
    const { group } = this
    if (!group) return
    this.#joined ??= group.connect(this.parts.map(({ device }) => device))
    this.#numbers = await this.#joined
  }

  /** What ops on a part's device call the group, once it is joined. */
  groupOn(part: number): number {
    const number = this.#numbers[part]
    if (number === undefined) throw new Error(`[placement] part ${part} has not joined a group`)
    return number
  }

  /** A replica's parts, by slice. */
  of(replica: number): readonly Part[] {
    return this.parts.filter((part) => part.replica === replica)
  }

  /** The stream that copies from this part's device to others; created at the first call. */
  link(part: Part): Stream {
    return streamOf(this.#links, part)
  }

  /**
   * The stream on which this part's batch norm exchanges sums with other processes: on the link, gradients would hold
   * them up. Created at the first call.
   */
  norms(part: Part): Stream {
    return streamOf(this.#norms, part)
  }

  /** The streams that copy between devices and processes. */
  get links(): readonly Stream[] {
    return [...this.#links.values(), ...this.#norms.values()]
  }

  /** All streams: those that compute, then those that copy. */
  get streams(): readonly Stream[] {
    return [...this.parts.map(({ stream }) => stream), ...this.links]
  }

  /** The i-th event of the stream's device; created at the first call. */
  event(stream: Stream, i: number): Event {
    const { device } = stream
    const events = this.#events.get(device) ?? new Map<number, Event>()
    const event = events.get(i) ?? device.adopt(new Event(device))
    this.#events.set(device, events.set(i, event))
    return event
  }

  /** The number of replicas of all processes: shares of a batch. */
  get shares(): number {
    return this.replicas * (this.group?.size ?? 1)
  }

  /**
   * The images of a batch that a replica takes. Shares differ by at most one image, the first ones are larger. A
   * replica without images gets one that does not count.
   */
  rows(replica: number, batch: number): Rows {
    const { from, count } = this.#share(replica, batch)
    return { from, count: Math.max(1, count) }
  }

  /** True if a replica has images of a batch, and not one alone that does not count. */
  counts(replica: number, batch: number): boolean {
    return this.#share(replica, batch).count > 0
  }

  #share(replica: number, batch: number): Rows {
    const place = (this.group?.rank ?? 0) * this.replicas + replica
    const share = Math.floor(batch / this.shares)
    const more = batch % this.shares
    return { from: place * share + Math.min(place, more), count: share + (place < more ? 1 : 0) }
  }

  /** The images of a batch that the replicas of this process take. */
  ownRows(batch: number): Rows {
    const { from } = this.rows(0, batch)
    const last = this.rows(this.replicas - 1, batch)
    return { from, count: last.from + last.count - from }
  }

  /** Waits for all streams; rejects with the first error in them. */
  async synchronize(): Promise<void> {
    await Promise.all(this.streams.map((stream) => stream.synchronize()))
  }

  async close(): Promise<void> {
    for (const events of this.#events.values()) for (const event of events.values()) event.close()
    this.#events.clear()
    for (const link of this.links) await link.close()
    this.#links.clear()
    this.#norms.clear()
    if (this.#ownsStreams) for (const { stream } of this.parts) await stream.close()
  }
}
