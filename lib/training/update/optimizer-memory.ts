import type { Device } from '../../engine/device.ts'
import type { Buffer, Tensor } from '../../engine/memory.ts'
import { align, allocate, packSequential } from '../../net/graph/arena.ts'
import type { Parameter } from '../../net/graph/parameter.ts'
import { Value } from '../../net/graph/value.ts'
import type { Optimizer } from '../../optim/optimizer.ts'

export interface OptimizerMemoryOptions {
  /** The parameters on this device. */
  readonly parameters: readonly Parameter[]
  readonly optimizer: Optimizer
  /** Parameter groups, on all devices. */
  readonly groups: number
  /** The optimizer's scalars of a group. */
  readonly width: number
  /** Whether to keep the average of each parameter. */
  readonly averaged: boolean
}

/** An optimizer's memory on one device: for each slot of its state a value like each parameter, and scalars. */
export class OptimizerMemory {
  /** By slot of the optimizer's state. */
  readonly state: readonly ReadonlyMap<Parameter, Value>[]
  /** The average of each parameter; empty without `averaged`. */
  readonly averages: ReadonlyMap<Parameter, Value>
  /** f32: all scalars that change from step to step, in one piece: the rows, `clip`, `decay`. */
  readonly scalars: Tensor
  /** The optimizer's scalars, by parameter group. */
  readonly rows: readonly Value[]
  /** f32[2]: the scalars of clip_factor. */
  readonly clip: Value
  /** f32[1]: the scalar of average. */
  readonly decay: Value
  readonly #slab: Buffer

  /** @throws OutOfMemoryError where the device has too little memory */
  constructor(device: Device, options: OptimizerMemoryOptions) {
    const { parameters, optimizer, groups, width, averaged } = options
    const likeEach = (list: readonly Parameter[], slot: string) =>
      new Map(list.map((parameter) => [parameter, like(parameter, `${parameter.name}.${slot}`)]))
    this.state = optimizer.state.map((slot) => likeEach(parameters, slot))
    this.averages = likeEach(averaged ? parameters : [], 'average')
    this.rows = Array.from({ length: groups }, () => numbers('hyper', width))
    this.clip = numbers('clip hyper', 2)
    this.decay = numbers('decay', 1)
    const values = this.kept
    const all = [...this.rows, this.clip, this.decay]
    const { offsets, bytes: begin } = packSequential(values)
    // No padding between the scalars: one copy brings them all.
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

  /** All that it keeps from step to step. */
  get kept(): readonly Value[] {
    return [...this.state, this.averages].flatMap((slot) => [...slot.values()])
  }

  get bytes(): number {
    return this.#slab.bytes
  }

  close(): void {
    this.#slab.close()
  }
}

/** A value of a parameter's size and layout. */
function like({ master, layer, dims, part }: Parameter, name: string): Value {
  return new Value({
    name,
    layer,
    part,
    shape: dims,
    dtype: 'f32',
    layout: master.layout,
    bytes: master.bytes,
    permanent: true
  })
}

function numbers(name: string, count: number): Value {
  const shape = [count]
  const common = { layer: 'update', dtype: 'f32', layout: 'a', permanent: true } as const
  return new Value({ name, ...common, shape, bytes: count * 4 })
}
