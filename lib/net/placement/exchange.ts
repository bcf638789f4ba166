/**
 * Transfers of activations between the devices of a replica. Forward: gathers the slices of a value on the devices
 * that need all of it. Backward: sends each slice's gradients to the device that owns the slice, and sums them there.
 */

import type { Stream } from '../../engine/stream.ts'
import { parseLayout } from '../../native/layout.ts'
import type { Tape } from '../graph/tape.ts'
import type { Value } from '../graph/value.ts'
import type { ShardedValue } from './sharded-value.ts'

/** The devices of a replica, by slice. */
export interface SliceDevices {
  readonly tapes: readonly Tape[]
  /** The stream that copies from a device to others. */
  link(slice: number): Stream
}

/** A gather, and its backward. */
export interface Exchange {
  /** The whole value, on each device that asked for it. */
  readonly outputs: readonly Value[]
  /** The slices. */
  readonly inputs: readonly Value[]
  /**
   * Sends slices of the outputs' gradients to the devices that own them, and sums them up there.
   * @param dys gradients of the outputs
   * @param overlap adds calls that run while the slices are transferred
   * @returns gradients of the inputs
   */
  backward(
    dys: readonly (Value | undefined)[],
    overlap: () => Promise<void>
  ): Promise<readonly (Value | undefined)[]>
}

/** A value like another with so many channels. Its padding is zero; its elements are left to copies. */
async function emptyLike(tape: Tape, like: Value, channels: number): Promise<Value> {
  const [batch = 0, , ...rest] = like.dims
  const value = tape.value(like.name, like.dtype, [batch, channels, ...rest], like.layout)
  // A blocked layout may pad the channels, and copies do not write there.
  const blocked = like.layout !== undefined && parseLayout(like.layout).blocks.length > 0
  if (blocked) await tape.call('fill', { value: 0 }, { y: value })
  return value
}

/** Channels from … from + count - 1 of a value. */
export async function sliceChannels(
  tape: Tape,
  x: Value,
  from: number,
  count: number
): Promise<Value> {
  if (from === 0 && count === x.dims[1]) return x
  const y = await emptyLike(tape, x, count)
  await tape.call('copy_channels', { from, to: 0, count }, { y, x })
  y.needsGradient = x.needsGradient
  return y
}

/** Gathers all channels of a sharded value on the devices of these slices. */
export async function gather(
  { tapes, link }: SliceDevices,
  sharded: ShardedValue,
  slices: readonly number[]
): Promise<Exchange> {
  const { values } = sharded
  const tapeOf = (slice: number): Tape => {
    const tape = tapes[slice]
    if (!tape) throw new Error(`[placement] there is no slice ${slice}`)
    return tape
  }
  const shards = values.map((value, slice) => ({ value, slice }))
  // By receiver: every shard on its device.
  const received = slices.map((receiver) =>
    shards.map(({ value, slice }) => {
      if (slice === receiver) return value
      return tapeOf(slice).send(value, tapeOf(receiver), link(slice))
    })
  )
  const outputs: Value[] = []
  for (const [i, receiver] of slices.entries()) {
    const tape = tapeOf(receiver)
    const pieces = (received[i] ?? []).map((value, slice) => ({ value, slice }))
    // The device's own shard first: the others may still be in transfer.
    pieces.sort((a, b) => Number(b.slice === receiver) - Number(a.slice === receiver))
    const [first] = pieces
    if (!first) throw new Error('[placement] there is no shard to gather')
    let y = first.value
    if (pieces.length > 1) {
      y = await emptyLike(tape, first.value, sharded.shape[1] ?? 0)
      for (const { value, slice } of pieces) {
        const count = value.dims[1] ?? 0
        const x = await tape.inLayout(value, y.layout)
        await tape.call('copy_channels', { from: 0, to: sharded.from(slice), count }, { y, x })
      }
    }
    y.needsGradient = sharded.needsGradient
    sharded.wholes.set(receiver, y)
    outputs.push(y)
  }

  /** Channels of a whole gradient that belong to a shard. */
  const shardOf = (tape: Tape, dy: Value, slice: number): Promise<Value> =>
    sliceChannels(tape, dy, sharded.from(slice), values[slice]?.dims[1] ?? 0)

  async function backward(
    dys: readonly (Value | undefined)[],
    overlap: () => Promise<void>
  ): Promise<readonly (Value | undefined)[]> {
    // By shard: the gradients that the devices found for it.
    const gradients: { value: Value; sender: number }[][] = values.map(() => [])
    const sent: Value[] = []
    for (const [i, sender] of slices.entries()) {
      const dy = dys[i]
      if (!dy) continue
      for (const { slice } of shards) {
        if (slice === sender) continue
        const shard = await shardOf(tapeOf(sender), dy, slice)
        const value = tapeOf(sender).send(shard, tapeOf(slice), link(sender))
        gradients[slice]?.push({ value, sender })
        sent.push(shard)
      }
    }
    await overlap()
    // Keeps the bytes of what is sent until here. Reused earlier, they would make the calls above wait for it.
    const { calls } = tapeOf(0)
    for (const shard of sent) shard.touch(calls.length - 1)
    for (const [i, sender] of slices.entries()) {
      const dy = dys[i]
      if (!dy || !shards[sender]) continue
      gradients[sender]?.push({ value: await shardOf(tapeOf(sender), dy, sender), sender })
    }
    const sums: (Value | undefined)[] = []
    for (const [slice, list] of gradients.entries()) {
      // In a fixed order, so that sums do not depend on the order of arrival.
      list.sort((a, b) => a.sender - b.sender)
      sums.push(
        await sumOf(
          tapeOf(slice),
          list.map(({ value }) => value)
        )
      )
    }
    return sums
  }

  return { outputs, inputs: values, backward }
}

async function sumOf(tape: Tape, [first, ...others]: readonly Value[]): Promise<Value | undefined> {
  let sum = first
  for (const value of others) {
    if (!sum) break
    const y = tape.value('dx', value.dtype)
    await tape.call('add', {}, { y, a: sum, b: await tape.inLayout(value, sum.layout) })
    sum = y
  }
  return sum
}
