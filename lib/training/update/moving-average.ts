import type { Parameter } from '../../net/graph/parameter.ts'
import { exportTensors, importTensors, type PublicTensor } from '../../net/graph/public-tensors.ts'
import type { Tape } from '../../net/graph/tape.ts'
import type { Value } from '../../net/graph/value.ts'
import type { Net } from '../../net/net.ts'

type Tensors = ReadonlyMap<string, PublicTensor>

/**
 * The exponential moving average of a net's weights: y ← d·y + (1 - d)·w after each update. Source: Polyak and
 * Juditsky 1992. It starts from the weights, so it needs no bias correction. Running statistics of batch norm are
 * averages already and are left out.
 */
export class MovingAverage {
  readonly #net: Net
  readonly #values: ReadonlyMap<Parameter, Value>

  /** @param values f32: the average of each trained parameter, in the layout of its master weights */
  constructor(net: Net, values: ReadonlyMap<Parameter, Value>) {
    this.#net = net
    this.#values = values
    for (const [{ part, master }, average] of values) {
      this.#stream(part).copy(average.place, master.place)
    }
  }

  /**
   * Adds the calls that update the average to the tapes.
   * @param tapes by part
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

  /** Puts the averages into the net. The weights wait in the gradients' memory, which is free between two steps. */
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

  /** All parameters, with the averages in place of weights, and the weights themselves. */
  async export(): Promise<{ readonly averaged: Tensors; readonly trained: Tensors }> {
    const { stream, parameters } = this.#net
    const all = await parameters.export(stream)
    const averages = await exportTensors(stream, this.#tensors())
    const trained = [...all].filter(([name]) => averages.has(name))
    const averaged = [...all].map(([name, tensor]) => [name, averages.get(name) ?? tensor] as const)
    return { averaged: new Map(averaged), trained: new Map(trained) }
  }

  /** @throws Error naming a tensor that is missing, unknown or of another shape */
  async import(averaged: Tensors, trained: Tensors): Promise<void> {
    const { stream, parameters } = this.#net
    await parameters.import(stream, new Map([...averaged, ...trained]))
    const averages = [...averaged].filter(([name]) => trained.has(name))
    await importTensors(stream, this.#tensors(), new Map(averages))
  }

  #tensors() {
    return [...this.#values].map(([parameter, value]) => [parameter, value.place] as const)
  }

  #stream(part: number) {
    const { first, parts } = this.#net.placement
    return (parts[part] ?? first).stream
  }
}
