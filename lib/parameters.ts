/**
 * What a net has learnt: f32 masters in one settled layout each, their gradients, and running statistics.
 * It is an object of its own, shared by any number of builds of the net: training, the last smaller
 * batch, evaluation, one image.
 */
import { type Arrangement, line } from './arena.ts'
import type { Buffer } from './buffer.ts'
import { type Fill, fillOf, type Init } from './init.ts'
import type { Shape } from './native.ts'
import { fnv1a } from './random.ts'
import type { Stream } from './stream.ts'
import { denseLayout, elements, type Tensor } from './tensor.ts'
import { Value } from './value.ts'

/** What a layer says of one of its parameters. */
export interface ParameterSpec {
  /** Within the layer: 'weight', 'bias', … */
  readonly name: string
  /** Public shape: [O, C, kh, kw] or [out, in]. */
  readonly shape: Shape
  /** As the ops take it, where that differs: [g, O/g, C/g, kh, kw]. The same elements in the same order. */
  readonly dims?: Shape
  readonly init: Init
  readonly fanIn?: number
  readonly fanOut?: number
  /** Factor on the learning rate. Default 1. */
  readonly rate?: number
  /** Factor on the weight decay. Default 1. */
  readonly decay?: number
  /** False for running statistics, which no optimizer touches. Default true. */
  readonly trained?: boolean
}

export class Parameter {
  /** 'conv1.weight' */
  readonly name: string
  readonly layer: string
  /** 'weight' */
  readonly kind: string
  readonly shape: Shape
  readonly dims: Shape
  readonly fill: Fill
  readonly rate: number
  readonly decay: number
  readonly trained: boolean
  /** f32, in the layout that the first op to read it settled. */
  readonly master: Value
  /** f32, in the same layout. */
  readonly gradient: Value

  constructor(layer: string, spec: ParameterSpec) {
    this.name = `${layer}.${spec.name}`
    this.layer = layer
    this.kind = spec.name
    this.shape = spec.shape
    this.dims = spec.dims ?? spec.shape
    this.fill = fillOf(spec.init, spec.fanIn ?? 1, spec.fanOut ?? 1)
    this.rate = spec.rate ?? 1
    this.decay = spec.decay ?? 1
    this.trained = spec.trained ?? true
    const common = { layer, dtype: 'f32', shape: this.dims, permanent: true } as const
    this.master = new Value({ name: this.name, ...common })
    this.gradient = new Value({ name: 'gradient', ...common })
    this.master.trained = this.trained
    if (this.dims.length === 1) this.settle('a', elements(this.dims) * 4)
  }

  /** Decides the masters' layout, once. */
  settle(layout: string, bytes: number): void {
    for (const value of [this.master, this.gradient]) {
      value.layout = layout
      value.bytes = bytes
    }
  }
}

/** One tensor as files and other frameworks see it: row-major, in the public shape. */
export interface PublicTensor {
  readonly shape: Shape
  readonly data: Float32Array
}

export class Parameters {
  readonly #byName = new Map<string, Parameter>()
  /** Grows by one with each update: a packed copy made at an older version is stale. */
  version = 0
  /** i32[1]: 0 from the moment a gradient was not finite; no update is made from then on. */
  readonly ok = new Value({
    ...{ name: 'ok', layer: 'update', dtype: 'i32', shape: [1], layout: 'a', bytes: 4 },
    permanent: true
  })
  #masters: Buffer | undefined
  #gradients: Buffer | undefined

  /** The parameter of this name, made on first use; its shape must be the same at each. */
  declare(layer: string, spec: ParameterSpec): Parameter {
    const made = new Parameter(layer, spec)
    const known = this.#byName.get(made.name)
    if (!known) {
      this.#byName.set(made.name, made)
      return made
    }
    if (String(known.shape) !== String(made.shape)) {
      throw new Error(
        `[parameters] ${made.name}: expected [${known.shape}] as in the build before, got [${made.shape}]`
      )
    }
    return known
  }

  /** In the net's order. */
  get all(): readonly Parameter[] {
    return [...this.#byName.values()]
  }

  /** Those that an optimizer updates. */
  get trained(): readonly Parameter[] {
    return this.all.filter((parameter) => parameter.trained)
  }

  /** The number of trained values. */
  get count(): number {
    return this.trained.reduce((sum, { shape }) => sum + elements(shape), 0)
  }

  /** Bytes of the masters' slab and of the gradients'. */
  get bytes(): { masters: number; gradients: number } {
    return {
      masters: line(this.#permanent).bytes,
      gradients: line(this.#backwards).bytes
    }
  }

  get #permanent(): Value[] {
    return [this.ok, ...this.all.map((parameter) => parameter.master)]
  }

  // The order in which a backward pass finishes them, so that a prefix can be sent while the rest is computed.
  get #backwards(): Value[] {
    return [...this.trained].reverse().map((parameter) => parameter.gradient)
  }

  get allocated(): boolean {
    return this.#masters !== undefined
  }

  /** All gradients, seen as one row of f32; padding is zero. */
  get gradients(): Tensor {
    if (!this.#gradients) throw new Error('[parameters] have no gradients: build the net to train')
    const { bytes } = this.#gradients
    return this.#gradients.tensor({ shape: [bytes / 4], dtype: 'f32' })
  }

  /** Takes memory for the masters, and for the gradients where they are wanted, unless it is there. */
  allocate(stream: Stream, gradients: boolean): void {
    const { device } = stream
    const all = this.#permanent
    if (!this.#masters) {
      this.#masters = place(device.allocate.bind(device), all, line(all))
      stream.write(this.ok.place, Int32Array.of(1))
    }
    if (gradients) {
      const list = this.#backwards
      this.#gradients ??= place(device.allocate.bind(device), list, line(list))
    }
  }

  /** Fills all parameters anew: each number depends on the seed, the parameter's name and its place alone. */
  async initialise(stream: Stream, seed: number): Promise<void> {
    using rngBuffer: Buffer = stream.device.allocate(16)
    const rng = rngBuffer.tensor({ shape: [4], dtype: 'u32' })
    stream.write(rng, Uint32Array.of(seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, 0, 0))
    for (const parameter of this.all) {
      const { fill, dims } = parameter
      const spec = { shape: dims, dtype: 'f32', layout: denseLayout(dims.length) } as const
      const [name, fields] =
        'normal' in fill
          ? ['fill_normal', { mean: fill.normal.mean ?? 0, std: fill.normal.std }]
          : 'uniform' in fill
            ? ['fill_uniform', { ...fill.uniform }]
            : ['fill', { value: fill.constant }]
      const drawn = name !== 'fill'
      const op = await stream.prepare(
        name,
        { ...fields, ...(drawn && { purpose: fnv1a(`${parameter.name}/init`) }) },
        { y: spec, ...(drawn && { rng }) }
      )
      await this.#throughPublic(stream, parameter, async (dense) => {
        stream.run(op, { y: dense, ...(drawn && { rng }) })
      })
      op.close()
    }
    this.version++
  }

  /** Runs `write` on a row-major tensor, then brings it into the master's layout. */
  async #throughPublic(
    stream: Stream,
    parameter: Parameter,
    write: (dense: Tensor) => Promise<void>
  ): Promise<void> {
    using temporary: Buffer = stream.device.allocate(elements(parameter.dims) * 4)
    const dense = temporary.tensor({ shape: parameter.dims, dtype: 'f32' })
    await write(dense)
    await reorder(stream, parameter.master.place, dense)
    await stream.synchronize()
  }

  /** Every parameter by name, row-major, in its public shape. */
  async export(stream: Stream): Promise<Map<string, PublicTensor>> {
    return exportTensors(
      stream,
      this.all.map((parameter) => [parameter, parameter.master.place])
    )
  }

  /**
   * Sets parameters by name from row-major values.
   * @throws Error naming a parameter that is missing, unknown or of another shape; nothing is set then
   */
  async import(stream: Stream, tensors: ReadonlyMap<string, PublicTensor>): Promise<void> {
    await importTensors(
      stream,
      this.all.map((parameter) => [parameter, parameter.master.place]),
      tensors
    )
    this.version++
  }

  close(): void {
    this.#masters?.close()
    this.#gradients?.close()
  }
}

function place(
  allocate: (bytes: number) => Buffer,
  values: readonly Value[],
  { offsets, bytes }: Arrangement
): Buffer {
  const buffer = allocate(bytes)
  for (const value of values) {
    value.tensor = buffer.tensor({
      shape: value.dims,
      dtype: value.dtype,
      layout: value.layout ?? denseLayout(value.dims.length),
      offset: offsets.get(value) ?? 0,
      bytes: value.bytes
    })
  }
  return buffer
}

async function reorder(stream: Stream, y: Tensor, x: Tensor): Promise<void> {
  const op = await stream.prepare('reorder', {}, { y, x })
  using scratch: Buffer = stream.device.allocate(op.scratch)
  stream.run(op, { y, x }, scratch.tensor({ shape: [op.scratch], dtype: 'u8' }))
  op.close()
}

/** Tensors laid out like their parameters' masters, row-major, by the parameters' names. */
export async function exportTensors(
  stream: Stream,
  list: readonly (readonly [Parameter, Tensor])[]
): Promise<Map<string, PublicTensor>> {
  const out = new Map<string, PublicTensor>()
  for (const [parameter, tensor] of list) {
    using temporary: Buffer = stream.device.allocate(elements(parameter.dims) * 4)
    const dense = temporary.tensor({ shape: parameter.dims, dtype: 'f32' })
    await reorder(stream, dense, tensor)
    const data = await stream.read(dense)
    if (!(data instanceof Float32Array)) throw new Error('[parameters] expected f32')
    out.set(parameter.name, { shape: parameter.shape, data })
  }
  return out
}

/** The reverse of exportTensors. */
export async function importTensors(
  stream: Stream,
  list: readonly (readonly [Parameter, Tensor])[],
  tensors: ReadonlyMap<string, PublicTensor>
): Promise<void> {
  const names = new Set(list.map(([parameter]) => parameter.name))
  for (const name of tensors.keys()) {
    if (!names.has(name)) {
      throw new Error(`[parameters] '${name}' is not one of this net's: ${[...names].join(', ')}`)
    }
  }
  for (const [parameter] of list) {
    const given = tensors.get(parameter.name)
    if (!given) throw new Error(`[parameters] ${parameter.name}: expected a tensor, got none`)
    if (String(given.shape) !== String(parameter.shape)) {
      throw new Error(
        `[parameters] ${parameter.name}: expected [${parameter.shape}], got [${given.shape}]`
      )
    }
  }
  for (const [parameter, tensor] of list) {
    const given = tensors.get(parameter.name)
    if (!given) continue
    using temporary: Buffer = stream.device.allocate(elements(parameter.dims) * 4)
    const dense = temporary.tensor({ shape: parameter.dims, dtype: 'f32' })
    stream.write(dense, given.data)
    await reorder(stream, tensor, dense)
    await stream.synchronize()
  }
}
