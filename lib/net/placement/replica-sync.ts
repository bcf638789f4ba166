/**
 * Keeps the replicas of a net equal. All-reduces each parameter's gradient: one of the devices that hold it sums it
 * up, in the order of the replicas, and sends the sum back, so that all replicas have the same bits and make the
 * same update. Transfers and sums run on streams of their own, in parallel with the rest of the backward pass.
 */
import type { Parameter } from '../graph/parameter.ts'
import type { Parameters } from '../graph/parameters.ts'
import { type Call, Tape } from '../graph/tape.ts'
import { Value } from '../graph/value.ts'
import type { Placement } from './placement.ts'
import { Written } from './written.ts'

/** The same piece of a parameter on each replica, in the order of the replicas. */
type Copies = readonly [Parameter, ...Parameter[]]

/** An all-reduce of gradients. */
export interface Reduction {
  /** Gradients that nothing has summed before, of all replicas here. */
  readonly gradients: readonly Value[]
  /** They lie together in the build's calls. */
  readonly calls: readonly Call[]
}

export class ReplicaSync {
  /** In the order of their calls. */
  readonly reductions: Reduction[] = []
  readonly #parameters: Parameters
  readonly #calls: readonly Call[]
  /** By part: calls on the stream that copies. */
  readonly #tapes: readonly Tape[]
  /** By part: bytes of gradients that it sums up. */
  readonly #load: number[]
  readonly #written: Written
  readonly #summed = new Set<Value>()

  /** @param calls the list that the tapes of all parts share */
  constructor(placement: Placement, parameters: Parameters, calls: Call[]) {
    this.#parameters = parameters
    this.#calls = calls
    this.#tapes = placement.parts.map((part) => new Tape(placement.link(part), part.index, calls))
    this.#load = placement.parts.map(() => 0)
    this.#written = new Written(calls)
  }

  /** What it adds to the values on a part. */
  valuesOf(part: number): readonly Value[] {
    return this.#tapes[part]?.values ?? []
  }

  /** Adds the all-reduce of each gradient that all replicas have computed by now. */
  async allReduceGradients(): Promise<void> {
    for (const copies of this.#groups()) {
      const [first] = copies
      if (!first.trained || this.#summed.has(first.gradient)) continue
      if (!copies.every(({ gradient }) => this.#written.has(gradient))) continue
      const from = this.#calls.length
      await this.#allReduce(copies)
      const gradients = copies.map(({ gradient }) => gradient)
      for (const gradient of gradients) this.#summed.add(gradient)
      this.reductions.push({ gradients, calls: this.#calls.slice(from) })
    }
  }

  /** True for a gradient that all replicas have summed by now. */
  hasSummed(gradient: Value): boolean {
    return this.#summed.has(gradient)
  }

  #groups(): readonly Copies[] {
    const groups: [Parameter, ...Parameter[]][] = []
    for (const parameter of this.#parameters.all) {
      const { name, from } = parameter
      const group = groups.find(([first]) => first.name === name && first.from === from)
      if (group) group.push(parameter)
      else groups.push([parameter])
    }
    return groups
  }

  #tapeOf({ part, layer }: Parameter): Tape {
    const tape = this.#tapes[part]
    if (!tape) throw new Error(`[placement] there is no part ${part}`)
    tape.at(layer, 'backward')
    return tape
  }

  async #allReduce(copies: Copies): Promise<void> {
    const loads = copies.map(({ part }) => this.#load[part] ?? 0)
    const owner = copies[loads.indexOf(Math.min(...loads))]
    if (!owner) return
    this.#load[owner.part] = (this.#load[owner.part] ?? 0) + owner.gradient.bytes
    const home = this.#tapeOf(owner)
    const others = copies.filter((copy) => copy !== owner)
    const received: Value[] = []
    for (const copy of others) {
      const tape = this.#tapeOf(copy)
      received.push(tape.send(copy.gradient, home, tape.stream))
    }
    const sum = asVector(owner.gradient)
    for (const value of received) {
      const b = asVector(await home.inLayout(value, owner.gradient.layout))
      await home.call('add', {}, { y: sum, a: sum, b })
    }
    for (const copy of others) {
      const { gradient } = copy
      if (gradient.layout === owner.gradient.layout) {
        home.copy(owner.gradient, gradient, home.stream)
        continue
      }
      const tape = this.#tapeOf(copy)
      const x = home.send(owner.gradient, tape, home.stream)
      await tape.call('reorder', {}, { y: gradient, x })
    }
  }

  /** Copies the first replica's running statistics, which are those of its share of the batch, to the others. */
  broadcastStatistics(): void {
    for (const [first, ...others] of this.#groups()) {
      if (first.trained || first.frozen) continue
      const tape = this.#tapeOf(first)
      tape.at(first.layer, 'update')
      for (const { master } of others) tape.copy(first.master, master, tape.stream)
    }
  }

  close(): void {
    for (const tape of this.#tapes) tape.close()
  }
}

/** All bytes of an f32 value as one vector, padding included. */
export function asVector(value: Value): Value {
  const { name, layer, part, bytes } = value
  return new Value({
    name: `${name} row`,
    layer,
    dtype: 'f32',
    part,
    shape: [bytes / 4],
    layout: 'a',
    bytes,
    viewOf: value
  })
}
