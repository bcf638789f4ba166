/**
 * A moving average of a net's weights (Polyak and Juditsky 1992): y ← d·y + (1 - d)·w after each update. It begins at
 * the weights themselves, and so needs no correction. Running statistics are averages already, and taken as they are.
 */

import type { Parameter } from '../../net/graph/parameter.ts'
import { exportTensors, importTensors, type PublicTensor } from '../../net/graph/parameters.ts'
import type { Tape } from '../../net/graph/tape.ts'
import type { Value } from '../../net/graph/value.ts'
import type { Net } from '../../net/net.ts'

type Tensors = ReadonlyMap<string, PublicTensor>

export class MovingAverage {
  readonly #net: Net
  readonly #values: ReadonlyMap<Parameter, Value>

  /** @param values f32: where the average of each trained parameter is kept, which it lies like */
  constructor(net: Net, values: ReadonlyMap<Parameter, Value>) {
    this.#net = net
    this.#values = values
    for (const [{ part, master }, average] of values) {
      this.#stream(part).copy(average.place, master.place)
    }
  }

  /**
   * Puts the calls that go on with it on the tapes, by part.
   * @param decays f32[1], by part
   */
  async update(tapes: readonly Tape[], decays: readonly Value[]): Promise<void> {
    for (const [{ layer, master, part }, y] of this.#values) {
      const tape = tapes[part]
      tape?.at(layer, 'update')
      const ok = this.#net.parameters.ok(part)
      await tape?.call('average', {}, { y, w: master, decay: decays[part], ok })
    }
  }

  /**
   * Has the net compute with the averages. The weights lie where the gradients are meanwhile, which between two
   * steps nobody needs.
   */
  show(): void {
    for (const [{ part, master, gradient }, average] of this.#values) {
      const stream = this.#stream(part)
      stream.copy(gradient.place, master.place)
      stream.copy(master.place, average.place)
    }
    this.#net.parameters.version++
  }

  /** Undoes `show`. */
  hide(): void {
    for (const { part, master, gradient } of this.#values.keys()) {
      this.#stream(part).copy(master.place, gradient.place)
    }
    this.#net.parameters.version++
  }

  /** The net's parameters with the averages in their places, and the weights that are trained. */
  async export(): Promise<{ readonly averaged: Tensors; readonly trained: Tensors }> {
    const { stream, parameters } = this.#net
    const all = await parameters.export(stream)
    const averages = await exportTensors(stream, this.#places())
    const trained = [...all].filter(([name]) => averages.has(name))
    const averaged = [...all].map(([name, tensor]) => [name, averages.get(name) ?? tensor] as const)
    return { averaged: new Map(averaged), trained: new Map(trained) }
  }

  /** @throws Error naming a tensor that is missing, unknown or of another shape */
  async import(averaged: Tensors, trained: Tensors): Promise<void> {
    const { stream, parameters } = this.#net
    await parameters.import(stream, new Map([...averaged, ...trained]))
    const averages = [...averaged].filter(([name]) => trained.has(name))
    await importTensors(stream, this.#places(), new Map(averages))
  }

  #places() {
    return [...this.#values].map(([parameter, value]) => [parameter, value.place] as const)
  }

  #stream(part: number) {
    const { first, parts } = this.#net.placement
    return (parts[part] ?? first).stream
  }
}
