/**
 * What devices send each other: forward, their slices of what a layer has to see whole; backward, what each has
 * found of the gradient of the others' slices.
 */

import type { Stream } from '../../engine/stream.ts'
import type { Tape } from '../graph/tape.ts'
import type { Value } from '../graph/value.ts'
import type { ShardedValue } from './sharded-value.ts'

/** The devices of a replica, by slice. */
export interface Sharers {
  readonly tapes: readonly Tape[]
  /** The stream that copies from a device to others. */
  link(slice: number): Stream
}

export interface Exchange {
  /** What was brought together, for the slices asked for. */
  readonly outputs: readonly Value[]
  readonly inputs: readonly Value[]
  /**
   * Sends the parts of the outputs' gradients to where the slices are, and sums them up there.
   * @param between calls what need not wait for what was sent
   */
  backward(
    dys: readonly (Value | undefined)[],
    between: () => Promise<void>
  ): Promise<readonly (Value | undefined)[]>
}

/** A value of more or fewer channels than those that are copied, whose padding is zero. */
async function room(tape: Tape, like: Value, channels: number): Promise<Value> {
  const [batch = 0, , ...rest] = like.dims
  const made = tape.value(like.name, like.dtype, [batch, channels, ...rest], like.layout)
  // A blocked layout may pad the channels, and copies do not reach there.
  if (/[A-Z]/.test(like.layout ?? '')) await tape.call('fill', { value: 0 }, { y: made })
  return made
}

/** Channels from … from + count - 1 of a value. */
export async function cut(tape: Tape, x: Value, from: number, count: number): Promise<Value> {
  if (from === 0 && count === x.dims[1]) return x
  const y = await room(tape, x, count)
  await tape.call('copy_channels', { from, to: 0, count }, { y, x })
  y.trained = x.trained
  return y
}

/** Brings all channels of a spread value to the devices of these slices. */
export async function gather(
  { tapes, link }: Sharers,
  spread: ShardedValue,
  slices: readonly number[]
): Promise<Exchange> {
  const { values } = spread
  const tapeOf = (slice: number): Tape => {
    const tape = tapes[slice]
    if (!tape) throw new Error(`[placement] there is no slice ${slice}`)
    return tape
  }
  const pieces = values.map((value, slice) => ({ value, slice }))
  const sent = slices.map((slice) =>
    pieces.map((piece) => {
      if (piece.slice === slice) return piece.value
      return tapeOf(piece.slice).send(piece.value, tapeOf(slice), link(piece.slice))
    })
  )
  const outputs: Value[] = []
  for (const [i, slice] of slices.entries()) {
    const tape = tapeOf(slice)
    // What lies here already comes first: the others' may still be under way.
    const parts = (sent[i] ?? []).map((value, from) => ({ value, from }))
    parts.sort((a, b) => Number(b.from === slice) - Number(a.from === slice))
    const [first] = parts
    if (!first) throw new Error('[placement] nothing to bring together')
    const only = parts.length === 1
    const y = only ? first.value : await room(tape, first.value, spread.shape[1] ?? 0)
    for (const { value, from } of only ? [] : parts) {
      const count = value.dims[1] ?? 0
      const x = await tape.as(value, y.layout)
      await tape.call('copy_channels', { from: 0, to: spread.from(from), count }, { y, x })
    }
    y.trained = spread.trained
    spread.wholes.set(slice, y)
    outputs.push(y)
  }

  async function backward(
    dys: readonly (Value | undefined)[],
    between: () => Promise<void>
  ): Promise<readonly (Value | undefined)[]> {
    // By piece: what each device found of its gradient, in the order of the slices.
    const found: { value: Value; sender: number }[][] = values.map(() => [])
    const sent: Value[] = []
    for (const [i, sender] of slices.entries()) {
      const dy = dys[i]
      if (!dy) continue
      for (const { value, slice } of pieces) {
        if (slice === sender) continue
        const part = await cut(tapeOf(sender), dy, spread.from(slice), value.dims[1] ?? 0)
        const there = tapeOf(sender).send(part, tapeOf(slice), link(sender))
        found[slice]?.push({ value: there, sender })
        sent.push(part)
      }
    }
    await between()
    // Their bytes are not used anew before: else one way would wait for the other, or `between` for both.
    const { calls } = tapeOf(0)
    for (const part of sent) part.touch(calls.length - 1)
    for (const [i, sender] of slices.entries()) {
      const dy = dys[i]
      const own = pieces[sender]
      if (!dy || !own) continue
      const part = await cut(tapeOf(sender), dy, spread.from(sender), own.value.dims[1] ?? 0)
      found[sender]?.push({ value: part, sender })
    }
    const out: (Value | undefined)[] = []
    for (const [slice, list] of found.entries()) {
      const tape = tapeOf(slice)
      list.sort((a, b) => a.sender - b.sender)
      let sum: Value | undefined
      for (const { value } of list) {
        if (!sum) {
          sum = value
          continue
        }
        const next: Value = tape.value('dx', value.dtype)
        await tape.call('add', {}, { y: next, a: sum, b: await tape.as(value, sum.layout) })
        sum = next
      }
      out.push(sum)
    }
    return out
  }

  return { outputs, inputs: values, backward }
}
