/**
 * The parameters of a net: f32 master weights, their gradients, and running statistics. Several builds of the net
 * may share them: for training, for the last smaller batch, for evaluation.
 */

import type { Buffer, Tensor } from '../../engine/memory.ts'
import { aStream } from '../../engine/rules.ts'
import type { Stream } from '../../engine/stream.ts'
import { elements, sameShape } from '../../native/layout.ts'
import { checkArguments } from '../../util/check/check.ts'
import { map, seed as seedRule } from '../../util/check/rules.ts'
import { allocate, packSequential } from './arena.ts'
import { initialiseParameter } from './initialise.ts'
import { Parameter, type ParameterSpec, type Piece } from './parameter.ts'
import { exportTensors, homeOf, importTensors, type PublicTensor } from './public-tensors.ts'
import { Value } from './value.ts'

/** How a parameter lies in memory. */
export interface ParameterLayout {
  readonly name: string
  readonly part: number
  /** Undefined where nothing has settled it. */
  readonly layout: string | undefined
  readonly bytes: number
}

/** The parameters on one device. */
interface Holding {
  readonly byName: Map<string, Parameter>
  /** i32[1]: 0 once a gradient was not finite; updates are skipped from then on. */
  readonly ok: Value
  /** Slabs of master weights and of gradients. */
  masters: Buffer | undefined
  gradients: Buffer | undefined
}

/** What a net has learnt. Made by the first build of a net; `net.parameters` holds it. */
export class Parameters {
  /** @internal Names of layers whose parameters stay as they are. */
  readonly frozen: ReadonlySet<string>
  readonly #all: Parameter[] = []
  /** By part. */
  readonly #holdings: Holding[] = []
  /** Counts updates. A packed copy made at an older version is stale. */
  version = 0

  /** What parameters get when they are declared. */
  readonly #layouts: readonly ParameterLayout[]

  /**
   * @internal
   * @param layouts of other processes, to be taken here; default: ops choose them
   */
  constructor(frozen: ReadonlySet<string> = new Set(), layouts: readonly ParameterLayout[] = []) {
    this.frozen = frozen
    this.#layouts = layouts
  }

  /** @internal How all of them lie in memory. */
  get layouts(): readonly ParameterLayout[] {
    return this.#all.map(({ name, part, master: { layout, bytes } }) => {
      return { name, part, layout, bytes }
    })
  }

  /**
   * @internal The parameter of this name on a part; created at the first call.
   * @param piece what the part holds of it; default: all
   * @throws Error if the part holds it already, in another shape
   */
  declare(layer: string, spec: ParameterSpec, piece?: Piece): Parameter {
    const declared = new Parameter(layer, spec, piece, this.frozen.has(layer))
    const { byName } = this.#holding(declared.part)
    const known = byName.get(declared.name)
    if (!known) {
      const { name, part } = declared
      const given = this.#layouts.find((one) => one.name === name && one.part === part)
      if (given?.layout !== undefined) declared.settle(given.layout, given.bytes)
      byName.set(declared.name, declared)
      this.#all.push(declared)
      return declared
    }
    if (!sameShape(known.shape, declared.shape) || known.from !== declared.from) {
      throw new Error(
        `[parameters] ${known.name}: expected [${known.shape}] as in the first build, ` +
          `got [${declared.shape}]`
      )
    }
    return known
  }

  /** @internal All parameters in the net's order; one entry for each piece if several devices share them. */
  get all(): readonly Parameter[] {
    return this.#all
  }

  /** @internal Those that an optimizer updates. */
  get trained(): readonly Parameter[] {
    return this.#all.filter((parameter) => parameter.trained)
  }

  /** The number of trained values. */
  get count(): number {
    return this.trained
      .filter(({ copy }) => !copy)
      .reduce((sum, { shape }) => sum + elements(shape), 0)
  }

  /** @internal Bytes of a part's slabs of master weights and of gradients. */
  bytes(part = 0): { masters: number; gradients: number } {
    return {
      masters: packSequential(this.#masterValues(part)).bytes,
      gradients: packSequential(this.gradientsOf(part)).bytes
    }
  }

  /** @internal i32[1] on a part: 0 once a gradient was not finite. */
  ok(part = 0): Value {
    return this.#holding(part).ok
  }

  #holding(part: number): Holding {
    const known = this.#holdings[part]
    if (known) return known
    const ok = new Value({
      name: 'ok',
      layer: 'update',
      dtype: 'i32',
      part,
      shape: [1],
      layout: 'a',
      bytes: 4,
      permanent: true
    })
    const holding = { byName: new Map(), ok, masters: undefined, gradients: undefined }
    this.#holdings[part] = holding
    return holding
  }

  #masterValues(part: number): Value[] {
    return [this.ok(part), ...this.of(part).map((parameter) => parameter.master)]
  }

  /**
   * @internal A part's gradients as they lie in its slab: in the order in which a backward pass finishes them, so that a
   * prefix can be sent while the rest is computed.
   */
  gradientsOf(part: number): readonly Value[] {
    return this.of(part)
      .filter((parameter) => parameter.trained)
      .reverse()
      .map((parameter) => parameter.gradient)
  }

  /** @internal The parameters on a part. */
  of(part: number): readonly Parameter[] {
    return [...this.#holding(part).byName.values()]
  }

  /** True once it has memory. */
  get allocated(): boolean {
    return this.#holdings.some(({ masters }) => masters !== undefined)
  }

  /**
   * @internal All gradients of a part as one f32 vector; padding is zero.
   * @throws Error if they have no memory
   */
  gradients(part = 0): Tensor {
    const { gradients } = this.#holding(part)
    if (!gradients) throw new Error('[parameters] have no gradients: build the net to train')
    const { bytes } = gradients
    return gradients.tensor({ shape: [bytes / 4], dtype: 'f32' })
  }

  /**
   * @internal Allocates what has no memory yet: master weights, and gradients if they are wanted.
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
        const masters = this.#masterValues(part)
        holding.masters = allocate(device, masters, packSequential(masters))
        stream.write(holding.ok.place, Int32Array.of(1))
      }
      if (gradients) {
        const list = this.gradientsOf(part)
        holding.gradients ??= allocate(device, list, packSequential(list))
      }
    }
  }

  /**
   * Initialises all parameters. A value depends only on the seed, the parameter's name and the value's index.
   * @param stream of the net
   * @param seed a whole number from 0
   */
  async initialise(stream: Stream, seed: number): Promise<void> {
    checkArguments('parameters', { stream: [stream, aStream], seed: [seed, seedRule] })
    const words = Uint32Array.of(seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, 0, 0)
    for (const parameter of this.#all) {
      await initialiseParameter(homeOf(parameter, stream), parameter, words)
    }
    this.version++
  }

  #masterTensors(): (readonly [Parameter, Tensor])[] {
    return this.#all.map((parameter) => [parameter, parameter.master.place])
  }

  /**
   * Reads every parameter by name, running statistics included: f32, row-major, in its public shape.
   * @param stream of the net
   *
   * @example
   * const weights = await net.parameters.export(net.stream)
   * weights.get('conv1.weight') // { shape: [96, 3, 11, 11], data: Float32Array }
   */
  async export(stream: Stream): Promise<Map<string, PublicTensor>> {
    checkArguments('parameters', { stream: [stream, aStream] })
    return exportTensors(stream, this.#masterTensors())
  }

  /**
   * Sets every parameter by name from row-major values.
   * @param stream of the net
   * @throws Error naming a parameter that is missing, unknown or of another shape; nothing is set then
   */
  async import(stream: Stream, tensors: ReadonlyMap<string, PublicTensor>): Promise<void> {
    checkArguments('parameters', { stream: [stream, aStream], tensors: [tensors, map] })
    await importTensors(stream, this.#masterTensors(), tensors)
    this.version++
  }

  /** Frees its memory. The net that created it does so when it closes. */
  close(): void {
    for (const { masters, gradients } of this.#holdings) {
      masters?.close()
      gradients?.close()
    }
  }
}
