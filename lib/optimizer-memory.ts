/** What an optimizer keeps on one device: a value like each parameter's master for each slot of its state, and scalars. */
import { align, line } from './arena.ts'
import type { Buffer } from './buffer.ts'
import type { Device } from './device.ts'
import type { Optimizer } from './optimizer.ts'
import type { Parameter } from './parameters.ts'
import type { Tensor } from './tensor.ts'
import { Value } from './value.ts'

export class OptimizerMemory {
  /** By slot of the optimizer's state. */
  readonly state: readonly ReadonlyMap<Parameter, Value>[]
  /** f32: all rows, one after the other. */
  readonly hyper: Tensor
  /** What the update of a group of parameters reads. */
  readonly rows: readonly Value[]
  readonly #slab: Buffer

  /**
   * @param parameters those on this device
   * @param groups how many groups of parameters there are
   */
  constructor(
    device: Device,
    parameters: readonly Parameter[],
    optimizer: Optimizer,
    groups: number
  ) {
    const width = optimizer.hyper({ lr: 0, decay: 0, step: 0 }).length
    this.state = optimizer.state.map(
      (slot) =>
        new Map(
          parameters.map((parameter) => [parameter, like(parameter, `${parameter.name}.${slot}`)])
        )
    )
    const values = this.state.flatMap((slot) => [...slot.values()])
    const { offsets, bytes } = line(values)
    const slab = device.allocate(bytes + align(groups * width * 4))
    this.#slab = slab
    for (const value of values) {
      value.tensor = slab.tensor({
        shape: value.dims,
        dtype: 'f32',
        ...(value.layout !== undefined && { layout: value.layout }),
        offset: offsets.get(value) ?? 0,
        bytes: value.bytes
      })
    }
    this.hyper = slab.tensor({ shape: [groups * width], dtype: 'f32', offset: bytes })
    this.rows = Array.from({ length: groups }, (_, i) => {
      const common = { dtype: 'f32', shape: [width] } as const
      const row = new Value({ name: 'hyper', layer: 'update', layout: 'a', ...common })
      row.tensor = slab.tensor({ ...common, offset: bytes + i * width * 4 })
      row.bytes = width * 4
      return row
    })
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
