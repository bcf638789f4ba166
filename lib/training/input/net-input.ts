import { type Buffer, Tensor } from '../../engine/memory.ts'
import type { Stream } from '../../engine/stream.ts'
import type { DType } from '../../native/dtype.ts'
import { elements, type Shape } from '../../native/layout.ts'
import type { Fields } from '../../native/op-info.ts'
import { type BoundCall, type Call, runCall, Tape } from '../../net/graph/tape.ts'
import type { Value } from '../../net/graph/value.ts'
import { fnv1a } from '../../util/random.ts'
import { type InputRecipe, type ResolvedInput, resolveInput } from './augment.ts'
import type { InputFacts } from './input-facts.ts'

/** A crop of an image. */
export interface View {
  readonly top: number
  readonly left: number
  readonly mirrored: boolean
}

/** Where the input goes. */
export interface InputTarget {
  readonly stream: Stream
  /** [N, C, H, W]: what the net, or its part on one device, reads. */
  readonly input: Value
  /** u32[4]: seed (2), step, first image. */
  readonly rng: Value
}

export interface NetInputOptions {
  readonly input?: InputRecipe | undefined
  /** True: random crops, flips and noise. */
  readonly training: boolean
  /** The views that `run` can make. Default: one, random in training, else the centre. */
  readonly views?: readonly View[] | undefined
}

const PURPOSE = fnv1a('input/crop')
const COLOUR_PURPOSE = fnv1a('input/colour')

/** Centre and corners of images, then the same flipped. */
export function tenViews(
  set: { readonly height: number; readonly width: number },
  input: { readonly height: number; readonly width: number }
): View[] {
  const down = set.height - input.height
  const across = set.width - input.width
  const places: readonly (readonly [number, number])[] = [
    [Math.floor(down / 2), Math.floor(across / 2)],
    ...[0, down].flatMap((top) => [0, across].map((left) => [top, left] as const))
  ]
  return [false, true].flatMap((mirrored) => places.map(([top, left]) => ({ top, left, mirrored })))
}

/**
 * Turns a batch of stored bytes into a net's input on its device: crops, flips, adds colour noise, subtracts the mean,
 * divides and resizes.
 */
export class NetInput {
  readonly recipe: ResolvedInput
  /** Tensors that change from step to step; `scalarsAt` returns their values. */
  readonly scalars: readonly Tensor[]
  readonly #target: InputTarget
  readonly #set: InputFacts
  readonly #training: boolean
  readonly #buffers: Buffer[] = []
  #bytes: Tensor
  readonly #tape: Tape
  readonly #values: { readonly bytes: Value; readonly factor: Value; readonly colours?: Value }
  readonly #views: BoundCall[][] = []
  #scratch: Tensor | undefined

  private constructor(target: InputTarget, set: InputFacts, { input, training }: NetInputOptions) {
    const { stream } = target
    const [batch = 0, , rows = 0, columns = 0] = target.input.dims
    this.recipe = resolveInput(input, set, { height: rows, width: columns })
    this.#target = target
    this.#set = set
    this.#training = training
    this.#tape = new Tape(stream)
    this.#tape.at('input', 'input')
    const { channels, height, width } = set
    const bytes = this.#own('bytes', 'u8', [batch, channels, height, width], 'acdb')
    const factor = this.#own('factor', 'f32', [channels], 'a')
    const noisy = this.#training && this.recipe.colour !== undefined
    const colours = noisy ? this.#own('colours', 'f32', [channels, channels], 'ab') : undefined
    this.#values = { bytes, factor, ...(colours && { colours }) }
    this.#bytes = bytes.place
    this.scalars = colours ? [factor.place, colours.place] : []
    if (!colours) stream.write(factor.place, this.#factor(1))
  }

  /** @throws Error where the set lacks what the recipe needs, or the sizes do not suit */
  static async create(
    target: InputTarget,
    set: InputFacts,
    options: NetInputOptions
  ): Promise<NetInput> {
    const made = new NetInput(target, set, options)
    try {
      await made.#call(options.views)
      return made
    } catch (error) {
      made.close()
      throw error
    }
  }

  /** The values of `scalars`, in their order, after so many epochs. */
  scalarsAt(epoch: number): readonly Float32Array[] {
    const { colour } = this.recipe
    if (!colour || !this.#values.colours) return []
    const { channels } = this.#set
    if (epoch >= (colour.until ?? Number.POSITIVE_INFINITY)) {
      return [this.#factor(1), new Float32Array(channels * channels)]
    }
    return [this.#factor(colour.divide ?? 1), colourVectors(this.#set, colour.form)]
  }

  /** u8 [N, H, W, C]: the stored bytes of a batch. */
  get bytes(): Tensor {
    return this.#bytes
  }

  /** Reads from another tensor from now on, of the same shape as `bytes`, and frees its own. */
  readFrom(bytes: Tensor): void {
    const own = this.#buffers.indexOf(this.#bytes.buffer)
    for (const buffer of own < 0 ? [] : this.#buffers.splice(own, 1)) buffer.close()
    this.#bytes = bytes
  }

  /** Queues, or records, the calls from `bytes` to the net's input. */
  run(view = 0): void {
    const calls = this.#views[view]
    if (!calls)
      throw new Error(`[input] expected a view from 0 to ${this.#views.length - 1}, got ${view}`)
    for (const { call, tensors } of calls) {
      const reads = call.args.x === this.#values.bytes
      runCall(call, reads ? { ...tensors, x: this.#bytes } : tensors, this.#scratch)
    }
  }

  [Symbol.dispose](): void {
    this.close()
  }

  close(): void {
    this.#tape.close()
    for (const buffer of this.#buffers.splice(0)) buffer.close()
  }

  #own(name: string, dtype: DType, shape: Shape, layout: string): Value {
    const value = this.#tape.value(name, dtype, shape, layout)
    value.bytes = elements(shape) * (dtype === 'u8' ? 1 : 4)
    const buffer = this.#target.stream.device.allocate(value.bytes)
    this.#buffers.push(buffer)
    value.tensor = new Tensor(buffer, { shape, dtype, layout })
    return value
  }

  #factor(divide: number): Float32Array {
    const { std } = this.#set
    const by = this.recipe.divide
    return Float32Array.from(std, (s) => 1 / ((by === 'std' ? s * 255 : by) * divide))
  }

  async #call(views: readonly View[] | undefined): Promise<void> {
    const tape = this.#tape
    const { recipe } = this
    const { input, stream } = this.#target
    const [batch = 0, channels = 0, height = 0, width = 0] = input.dims
    const set = this.#set
    const resized = recipe.fit === 'resize' && (set.height !== height || set.width !== width)
    const shape = [batch, channels, set.height, set.width]
    const y = resized ? this.#own('small', 'f32', shape, 'abcd') : input
    const mean = this.#mean(y.dims)
    const { bytes: x, factor, colours } = this.#values
    for (const fields of views ?? [this.#place(y.dims)]) {
      const from = tape.calls.length
      const fixed = { ...this.#draws(), ...fields, fixed_mean: recipe.mean === 'centre' }
      const rng = this.#training ? this.#target.rng : undefined
      await tape.call('crop', fixed, { y, x, mean, factor, colours, rng })
      if (resized) await tape.call('resize', {}, { y: input, x: y })
      this.#views.push(tape.calls.slice(from).map((call) => ({ call, tensors: placesOf(call) })))
    }
    const buffer = stream.device.allocate(tape.scratch)
    this.#buffers.push(buffer)
    this.#scratch = buffer.tensor({ shape: [tape.scratch], dtype: 'u8' })
  }

  /** Where images are cropped: anywhere in training, else in the centre. */
  #place([, , height = 0, width = 0]: Shape): Fields {
    const { offsets, flip, shared } = this.recipe
    if (this.#training) return { offsets, flip, shared }
    const set = this.#set
    const top = Math.floor((set.height - height) / 2)
    return { top, left: Math.floor((set.width - width) / 2) }
  }

  #draws(): Fields {
    if (!this.#training) return {}
    const sigma = this.recipe.colour?.sigma ?? 0
    return { sigma, purpose: PURPOSE, colour_purpose: COLOUR_PURPOSE }
  }

  #mean([, , height = 0, width = 0]: Shape): Value {
    const { stream } = this.#target
    const { channels, meanImage, mean } = this.#set
    const { mean: kind } = this.recipe
    if (kind === 'channel' || kind === 'none' || !meanImage) {
      const value = this.#own('mean', 'f32', [channels], 'a')
      const factor = kind === 'none' ? 0 : 255
      stream.write(
        value.place,
        Float32Array.from(mean, (m) => m * factor)
      )
      return value
    }
    const whole = kind === 'pixel'
    const size = whole ? this.#set : { height, width }
    const value = this.#own('mean', 'f32', [channels, size.height, size.width], 'abc')
    stream.write(value.place, centreOf(meanImage, this.#set, size))
    return value
  }
}

function placesOf({ args }: Call): BoundCall['tensors'] {
  return Object.fromEntries(Object.entries(args).map(([slot, value]) => [slot, value?.place]))
}

/** The middle of an image [row, column, channel], as [channel, row, column]. */
function centreOf(
  image: Float32Array,
  from: { readonly height: number; readonly width: number; readonly channels: number },
  { height, width }: { readonly height: number; readonly width: number }
): Float32Array {
  const top = Math.floor((from.height - height) / 2)
  const left = Math.floor((from.width - width) / 2)
  return Float32Array.from({ length: from.channels * height * width }, (_, i) => {
    const column = left + (i % width)
    const row = top + (Math.floor(i / width) % height)
    const channel = Math.floor(i / (width * height))
    return image[(row * from.width + column) * from.channels + channel] ?? 0
  })
}

/** Factors on draws from N(0, sigma), in units of bytes: one principal component a row. */
function colourVectors(
  { colours, channels }: InputFacts,
  form: 'eigenvalue' | 'deviation'
): Float32Array {
  const { eigenvalues = [], eigenvectors = [] } = colours ?? {}
  return Float32Array.from({ length: channels * channels }, (_, i) => {
    const component = Math.floor(i / channels)
    const variance = eigenvalues[component] ?? 0
    // Of values 0…1 the variance is variance / 255², and a step of 1 is 255 bytes.
    const length = form === 'deviation' ? Math.sqrt(variance) : variance / 255
    return length * (eigenvectors[component]?.[i % channels] ?? 0)
  })
}
