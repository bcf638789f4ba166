/**
 * The outputs of a replica's layers, and which devices compute a layer from what. On one device that is all of it; on
 * several each computes its slice of the channels where the layer can be split.
 */

import type { PlacedNode } from '../fuse.ts'
import type { Value } from '../graph/value.ts'
import type { LayerNode } from '../layer.ts'
import { gather, sliceChannels } from '../placement/exchange.ts'
import type { ShardedValue, Sharding } from '../placement/sharded-value.ts'
import type { BackwardPass } from './backward.ts'
import { hasSeveralConsumers, partOf, type TraceContext, tapeOf } from './context.ts'

/** How a layer is computed. */
export interface LayerShare {
  /** Of its output. */
  readonly sharding: Sharding
  /** The layer that each device computes. */
  readonly node: LayerNode
  /** By slice, for each device that computes: its inputs. */
  readonly inputs: readonly (readonly Value[])[]
}

export class Activations {
  readonly #context: TraceContext
  readonly #backward: BackwardPass
  readonly #values = new Map<string, ShardedValue>()

  /** @param backward gets the backward of each transfer */
  constructor(context: TraceContext, backward: BackwardPass) {
    this.#context = context
    this.#backward = backward
  }

  set(layer: string, value: ShardedValue): void {
    this.#values.set(layer, value)
  }

  /** @throws Error if the layer has no output yet */
  get(layer: string): ShardedValue {
    const value = this.#values.get(layer)
    if (!value) throw new Error(`there is no layer '${layer}' before it`)
    return value
  }

  /** A layer's whole output on the devices of these slices; gathers it where it is missing. */
  async wholes(layer: string, slices: readonly number[]): Promise<readonly Value[]> {
    const context = this.#context
    const value = this.get(layer)
    const missing = slices.filter((slice) => !value.wholes.has(slice))
    if (missing.length > 0) {
      const { tapes, placement } = context
      for (const tape of tapes) tape.at(layer, 'forward')
      const link = (slice: number) => placement.link(partOf(context, slice))
      const exchange = await gather({ tapes, link }, value, missing)
      for (const output of exchange.outputs) {
        output.multipleConsumers = hasSeveralConsumers(context, layer)
      }
      this.#backward.addExchange(layer, exchange)
    }
    return slices.map((slice) => value.wholes.get(slice)).filter((whole) => whole !== undefined)
  }

  /** Each device's own slice: what it holds, or cut from a replicated value. */
  async #slices({ sharding, shape, values }: ShardedValue): Promise<readonly Value[]> {
    if (sharding === 'sharded') return values
    const count = (shape[1] ?? 0) / values.length
    const slices = []
    for (const [slice, value] of values.entries()) {
      slices.push(await sliceChannels(tapeOf(this.#context, slice), value, slice * count, count))
    }
    return slices
  }

  /** Decides which devices compute a layer, and transfers its inputs to them. */
  async share({ node, inputs: from }: PlacedNode, last: boolean): Promise<LayerShare> {
    const { length: devices } = this.#context.tapes
    if (devices > 1) {
      const inputs = from.map((name) => this.get(name))
      const shapes = inputs.map(({ shape }) => shape)
      const replicated = inputs.every(({ sharding }) => sharding === 'replicated')
      if (replicated && node.parameters(shapes).length === 0) {
        const values = inputs.map((input) => input.values)
        return { sharding: 'replicated', node, inputs: bySlice(values, devices) }
      }
      const split = node.split(shapes, devices)
      if (split?.reads === 'slice' && inputs.every((input) => input.splits(devices))) {
        const slices = []
        for (const input of inputs) slices.push(await this.#slices(input))
        return { sharding: 'sharded', node: split.node, inputs: bySlice(slices, devices) }
      }
      // The last layer gives the logits, which the loss reads whole.
      if (split?.reads === 'whole' && !last) {
        const all = Array.from({ length: devices }, (_, slice) => slice)
        const wholes = []
        for (const name of from) wholes.push(await this.wholes(name, all))
        return { sharding: 'sharded', node: split.node, inputs: bySlice(wholes, devices) }
      }
    }
    const wholes = []
    for (const name of from) wholes.push(await this.wholes(name, [0]))
    return { sharding: 'first', node, inputs: bySlice(wholes, 1) }
  }
}

/** From one list for each input to one list for each slice. */
function bySlice(inputs: readonly (readonly Value[])[], slices: number): readonly Value[][] {
  return Array.from({ length: slices }, (_, slice) => inputs.flatMap((list) => list[slice] ?? []))
}
