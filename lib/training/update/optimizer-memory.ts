/** What an optimizer keeps on one device: a value like each parameter's master for each slot of its state, and scalars. */

import type { Device } from '../../engine/device.ts'
import type { Buffer, Tensor } from '../../engine/memory.ts'
import { align, allocate, packSequential } from '../../net/graph/arena.ts'
import type { Parameter } from '../../net/graph/parameter.ts'
import { Value } from '../../net/graph/value.ts'
import type { Optimizer } from '../../optim/optimizer.ts'

export interface OptimizerMemoryOptions {
  /** Those on this device. */
  readonly parameters: readonly Parameter[]
  readonly optimizer: Optimizer
  /** How many groups of parameters there are, on all devices. */
  readonly groups: number
  /** Whether an average of each parameter is kept. */
  readonly averaged: boolean
}

export class OptimizerMemory {
  /** By slot of the optimizer's state. */
  readonly state: readonly ReadonlyMap<Parameter, Value>[]
  /** By parameter: where the average of its values is kept; empty where none is. */
  readonly averages: ReadonlyMap<Parameter, Value>
  /** f32: all that changes from step to step, one after the other: the rows, `clip`, `decay`. */
  readonly scalars: Tensor
  /** What the update of a group of parameters reads. */
  readonly rows: readonly Value[]
  /** f32[2]: what clip_factor reads. */
  readonly clip: Value
  /** f32[1]: what average reads. */
  readonly decay: Value
  readonly #slab: Buffer

  /** @throws Error where the device has no room for it */
  constructor(device: Device, options: OptimizerMemoryOptions) {
    const { parameters, optimizer, groups, averaged } = options
    const width = optimizer.hyper({ lr: 0, decay: 0, step: 0 }).length
    const alike = (list: readonly Parameter[], slot: string) =>
      new Map(list.map((parameter) => [parameter, like(parameter, `${parameter.name}.${slot}`)]))
    this.state = optimizer.state.map((slot) => alike(parameters, slot))
    this.averages = alike(averaged ? parameters : [], 'average')
    this.rows = Array.from({ length: groups }, () => numbers('hyper', width))
    this.clip = numbers('clip hyper', 2)
    this.decay = numbers('decay', 1)
    const values = [...this.state, this.averages].flatMap((slot) => [...slot.values()])
    const all = [...this.rows, this.clip, this.decay]
    const { offsets, bytes: begin } = packSequential(values)
    // These lie close together, so that they come in one piece.
    let bytes = begin
    const places = new Map(offsets)
    for (const value of all) {
      places.set(value, bytes)
      bytes += value.bytes
    }
    this.#slab = allocate(device, [...values, ...all], { offsets: places, bytes: align(bytes) })
    const shape = [(bytes - begin) / 4]
    this.scalars = this.#slab.tensor({ shape, dtype: 'f32', offset: begin })
  }

  get bytes(): number {
    return this.#slab.bytes
  }

  close(): void {
    this.#slab.close()
  }
}

/** A value as long as a parameter, in its layout. */
function like({ master, layer, dims, part }: Parameter, name: string): Value {
  return new Value({
    ...{ name, layer, dtype: 'f32', part, shape: dims, permanent: true },
    layout: master.layout,
    bytes: master.bytes
  })
}

function numbers(name: string, count: number): Value {
  const shape = [count]
  const common = { layer: 'update', dtype: 'f32', layout: 'a', permanent: true } as const
  return new Value({ name, ...common, shape, bytes: count * 4 })
}
