/**
 * What a net has learnt: f32 masters in one settled layout each, their gradients, and running statistics.
 * It is an object of its own, shared by any number of builds of the net: training, the last smaller
 * batch, evaluation, one image.
 */

import type { Buffer, Tensor } from '../../engine/memory.ts'
import type { Stream } from '../../engine/stream.ts'
import { elements, type Shape } from '../../native/layout.ts'
import { fnv1a } from '../../util/random.ts'
import { allocate, packSequential } from './arena.ts'
import { Parameter, type ParameterSpec, type Piece } from './parameter.ts'
import { Value } from './value.ts'

/** One tensor as files and other frameworks see it: row-major, in the public shape. */
export interface PublicTensor {
  readonly shape: Shape
  readonly data: Float32Array
}

/** What one device holds of the parameters. */
interface Holding {
  /** i32[1]: 0 from the moment a gradient was not finite; no update is made from then on. */
  readonly ok: Value
  masters: Buffer | undefined
  gradients: Buffer | undefined
}

export class Parameters {
  readonly #byName = new Map<string, Parameter>()
  readonly #holdings: Holding[] = []
  /** Grows by one with each update: a packed copy made at an older version is stale. */
  version = 0

  /**
   * The parameter of this name, made on first use; its shape must be the same at each.
   * @param piece what one of several devices holds of it; default: all
   */
  declare(layer: string, spec: ParameterSpec, piece?: Piece): Parameter {
    const made = new Parameter(layer, spec, piece)
    const key = `${made.name} ${made.part}`
    const known = this.#byName.get(key)
    if (!known) {
      this.#byName.set(key, made)
      return made
    }
    if (String(known.shape) !== String(made.shape) || known.from !== made.from) {
      throw new Error(
        `[parameters] ${made.name}: expected [${known.shape}] as in the build before, got [${made.shape}]`
      )
    }
    return known
  }

  /** In the net's order; of those that several devices share out, each piece. */
  get all(): readonly Parameter[] {
    return [...this.#byName.values()]
  }

  /** Those that an optimizer updates. */
  get trained(): readonly Parameter[] {
    return this.all.filter((parameter) => parameter.trained)
  }

  /** The number of trained values. */
  get count(): number {
    return this.trained
      .filter(({ copy }) => !copy)
      .reduce((sum, { shape }) => sum + elements(shape), 0)
  }

  /** Bytes of a part's slab of masters, and of its gradients'. */
  bytes(part = 0): { masters: number; gradients: number } {
    return {
      masters: packSequential(this.#permanent(part)).bytes,
      gradients: packSequential(this.#backwards(part)).bytes
    }
  }

  /** i32[1], on one of the parts: 0 from the moment a gradient was not finite. */
  ok(part = 0): Value {
    return this.#holding(part).ok
  }

  #holding(part: number): Holding {
    const known = this.#holdings[part]
    if (known) return known
    const common = { layer: 'update', dtype: 'i32', shape: [1], layout: 'a', bytes: 4 } as const
    const ok = new Value({ name: 'ok', part, ...common, permanent: true })
    const made = { ok, masters: undefined, gradients: undefined }
    this.#holdings[part] = made
    return made
  }

  #permanent(part: number): Value[] {
    return [this.ok(part), ...this.of(part).map((parameter) => parameter.master)]
  }

  /** What one of the parts holds. */
  of(part: number): readonly Parameter[] {
    return this.all.filter((parameter) => parameter.part === part)
  }

  // The order in which a backward pass finishes them, so that a prefix can be sent while the rest is computed.
  #backwards(part: number): Value[] {
    return this.trained
      .filter((parameter) => parameter.part === part)
      .reverse()
      .map((parameter) => parameter.gradient)
  }

  get allocated(): boolean {
    return this.#holdings.some(({ masters }) => masters !== undefined)
  }

  /** All gradients of a part, seen as one row of f32; padding is zero. */
  gradients(part = 0): Tensor {
    const { gradients } = this.#holding(part)
    if (!gradients) throw new Error('[parameters] have no gradients: build the net to train')
    const { bytes } = gradients
    return gradients.tensor({ shape: [bytes / 4], dtype: 'f32' })
  }

  /**
   * Takes memory for the masters, and for the gradients where they are wanted, unless it is there.
   * @param streams one a part
   */
  allocate(streams: readonly Stream[], gradients: boolean): void {
    for (const [part, stream] of streams.entries()) {
      const { device } = stream
      const holding = this.#holding(part)
      for (const parameter of this.of(part)) {
        if (!parameter.home || parameter.home.closed) parameter.home = stream
      }
      if (!holding.masters) {
        const all = this.#permanent(part)
        holding.masters = allocate(device, all, packSequential(all))
        stream.write(holding.ok.place, Int32Array.of(1))
      }
      if (gradients) {
        const list = this.#backwards(part)
        holding.gradients ??= allocate(device, list, packSequential(list))
      }
    }
  }

  /** Fills all parameters anew: each number depends on the seed, the parameter's name and its place alone. */
  async initialise(stream: Stream, seed: number): Promise<void> {
    const words = Uint32Array.of(seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, 0, 0)
    for (const parameter of this.all) {
      await fillWhole(homeOf(parameter, stream), parameter, words)
    }
    this.version++
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
    for (const { masters, gradients } of this.#holdings) {
      masters?.close()
      gradients?.close()
    }
  }
}

/** The stream to reach a parameter by: the one given, where that is of its device. */
function homeOf({ home }: Parameter, given: Stream): Stream {
  return home && home.device !== given.device ? home : given
}

/** Draws the whole parameter as it begins, and keeps the rows of this piece. */
async function fillWhole(stream: Stream, parameter: Parameter, words: Uint32Array): Promise<void> {
  using rngBuffer: Buffer = stream.device.allocate(16)
  const rng = rngBuffer.tensor({ shape: [4], dtype: 'u32' })
  stream.write(rng, words)
  const { fill, dims, whole, offset } = parameter
  using temporary: Buffer = stream.device.allocate(elements(whole) * 4)
  const y = temporary.tensor({ shape: whole, dtype: 'f32' })
  const [name, fields] =
    'normal' in fill
      ? ['fill_normal', { mean: fill.normal.mean ?? 0, std: fill.normal.std }]
      : 'uniform' in fill
        ? ['fill_uniform', { ...fill.uniform }]
        : ['fill', { value: fill.constant }]
  const drawn = name !== 'fill'
  const purpose = { ...(drawn && { purpose: fnv1a(`${parameter.name}/init`) }) }
  const tensors = { y, ...(drawn && { rng }) }
  const op = await stream.prepare(name, { ...fields, ...purpose }, tensors)
  stream.run(op, tensors)
  const piece = temporary.tensor({ shape: dims, dtype: 'f32', offset })
  await reorder(stream, parameter.master.place, piece)
  await stream.synchronize()
  op.close()
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
  const out = new Map<string, { shape: Shape; data: Float32Array }>()
  for (const [parameter, tensor] of list) {
    const { name, dims, whole: shape, offset, copy } = parameter
    if (copy) continue
    const home = homeOf(parameter, stream)
    using temporary: Buffer = home.device.allocate(elements(dims) * 4)
    const dense = temporary.tensor({ shape: dims, dtype: 'f32' })
    await reorder(home, dense, tensor)
    const data = await home.read(dense)
    if (!(data instanceof Float32Array)) throw new Error('[parameters] expected f32')
    if (data.length === elements(shape)) {
      out.set(name, { shape, data })
      continue
    }
    const known = out.get(name) ?? { shape, data: new Float32Array(elements(shape)) }
    known.data.set(data, offset / 4)
    out.set(name, known)
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
    if (String(given.shape) !== String(parameter.whole)) {
      throw new Error(
        `[parameters] ${parameter.name}: expected [${parameter.whole}], got [${given.shape}]`
      )
    }
  }
  for (const [parameter, tensor] of list) {
    const given = tensors.get(parameter.name)
    if (!given) continue
    const { dims, offset } = parameter
    const home = homeOf(parameter, stream)
    using temporary: Buffer = home.device.allocate(elements(dims) * 4)
    const dense = temporary.tensor({ shape: dims, dtype: 'f32' })
    home.write(dense, given.data.subarray(offset / 4, offset / 4 + elements(dims)))
    await reorder(home, tensor, dense)
    await home.synchronize()
  }
}
