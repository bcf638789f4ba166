/**
 * Replicas of a net that share a batch. Each parameter's gradient is summed up by one of the devices that hold it,
 * in the order of the replicas, and sent back, so that all have the same bits and make the same update. Copies
 * and sums run on streams of their own, beside what is left of the backward pass.
 */
import type { Parameter } from '../graph/parameter.ts'
import type { Parameters } from '../graph/parameters.ts'
import { type Call, Tape } from '../graph/tape.ts'
import { Value } from '../graph/value.ts'
import type { Placement } from './placement.ts'

/** Sums gradients as they become known. */
export class Replicas {
  readonly #parameters: Parameters
  readonly #calls: Call[]
  /** By part: calls on the stream that copies. */
  readonly #tapes: readonly Tape[]
  /** Bytes that each part has summed up. */
  readonly #load: number[]
  readonly #known = new Set<Value>()
  readonly #summed = new Set<string>()
  #seen: number

  constructor(placement: Placement, parameters: Parameters, calls: Call[]) {
    this.#parameters = parameters
    this.#calls = calls
    this.#tapes = placement.parts.map((part) => new Tape(placement.link(part), part.index, calls))
    this.#load = placement.parts.map(() => 0)
    this.#seen = calls.length
  }

  /** @internal What lies on a part besides the values of its own tape. */
  valuesOf(part: number): readonly Value[] {
    return this.#tapes[part]?.values ?? []
  }

  /** Puts the sums of those gradients on the tapes that all replicas know by now. */
  async sum(): Promise<void> {
    for (const { op, args } of this.#calls.slice(this.#seen)) {
      for (const { name, role } of op.info.slots) {
        const value = args[name]
        if (value && role !== 'in') this.#known.add(value)
      }
    }
    for (const pieces of this.#groups()) {
      const [first] = pieces
      if (!first?.trained || this.#summed.has(keyOf(first))) continue
      if (!pieces.every(({ gradient }) => this.#known.has(gradient))) continue
      this.#summed.add(keyOf(first))
      await this.#sumUp(pieces)
    }
    this.#seen = this.#calls.length
  }

  /** The same piece of a parameter, by replica. */
  #groups(): Parameter[][] {
    const groups = new Map<string, Parameter[]>()
    for (const parameter of this.#parameters.all) {
      const key = keyOf(parameter)
      groups.set(key, [...(groups.get(key) ?? []), parameter])
    }
    return [...groups.values()]
  }

  #tapeOf({ part, layer }: Parameter): Tape {
    const tape = this.#tapes[part]
    if (!tape) throw new Error(`[placement] there is no part ${part}`)
    tape.at(layer, 'backward')
    return tape
  }

  async #sumUp(pieces: readonly Parameter[]): Promise<void> {
    const loads = pieces.map(({ part }) => this.#load[part] ?? 0)
    const owner = pieces[loads.indexOf(Math.min(...loads))]
    if (!owner) return
    this.#load[owner.part] = (this.#load[owner.part] ?? 0) + owner.gradient.bytes
    const home = this.#tapeOf(owner)
    const others = pieces.filter((piece) => piece !== owner)
    const sent: Value[] = []
    for (const piece of others) {
      const tape = this.#tapeOf(piece)
      sent.push(tape.send(piece.gradient, home, tape.stream))
    }
    const sum = row(owner.gradient)
    for (const there of sent) {
      const b = row(await home.as(there, owner.gradient.layout))
      await home.call('add', {}, { y: sum, a: sum, b })
    }
    for (const piece of others) {
      const { gradient } = piece
      if (gradient.layout === owner.gradient.layout) {
        home.copy(owner.gradient, gradient, home.stream)
        continue
      }
      const tape = this.#tapeOf(piece)
      const x = home.send(owner.gradient, tape, home.stream)
      await tape.call('reorder', {}, { y: gradient, x })
    }
  }

  /** Gives all replicas the running statistics of the first, whose share of the batch they are of. */
  share(): void {
    for (const [first, ...others] of this.#groups()) {
      if (!first || first.trained) continue
      const tape = this.#tapeOf(first)
      tape.at(first.layer, 'update')
      for (const { master } of others) tape.copy(first.master, master, tape.stream)
    }
  }

  close(): void {
    for (const tape of this.#tapes) tape.close()
  }
}

function keyOf({ name, from }: Parameter): string {
  return `${name} ${from}`
}

/** All of a value's bytes as one row of f32, padding included. */
function row(value: Value): Value {
  const { name, layer, part, bytes } = value
  return new Value({
    ...{ name: `${name} row`, layer, part, bytes, dtype: 'f32', layout: 'a' },
    ...{ shape: [bytes / 4], of: value }
  })
}
