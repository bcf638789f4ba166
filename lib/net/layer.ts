/**
 * A layer is data with a function that adds its op calls to a tape: forward, and a closure that adds those of the
 * backward pass. lib/net/layers/ has one file a layer.
 */

import type { DType } from '../native/dtype.ts'
import type { Shape } from '../native/layout.ts'
import { checkOptions } from '../util/check/check.ts'
import type { Rule } from '../util/check/rule.ts'
import type { Parameter, ParameterSpec } from './graph/parameter.ts'
import type { Pass, Tape } from './graph/tape.ts'
import type { Value } from './graph/value.ts'

/** A batch that several processes share, for a layer that needs all of it. */
export interface SharedBatch {
  /** The number of processes. */
  readonly size: number
  /** The number of this one, from 0. */
  readonly rank: number
  /** Images of the whole batch. */
  readonly images: number
  /** False if this process has none of them, but one image that does not count. */
  readonly counts: boolean
  /** Adds the sum of all processes' x, in place. */
  allReduce(x: Value, layer: string, pass: Pass): Promise<void>
}

/** What a layer is given when its calls are added. */
export interface LayerContext {
  readonly tape: Tape
  /** The dtype of activations, and of the weights that ops read. */
  readonly dtype: DType
  /** True for training: dropout drops; batch norm uses the batch, unless the layer is frozen. */
  readonly training: boolean
  /** True if a backward pass follows, for which the layer keeps what it reads. */
  readonly keeps: boolean
  /** True if the layer's parameters stay as they are. */
  readonly frozen: boolean
  /** The batch, if batch norm takes its statistics over that of several processes. */
  readonly shared: SharedBatch | undefined
  /** True if convolutions may use Winograd's method. */
  readonly winograd: boolean
  /** The layer's name, unique in its net. */
  readonly name: string
  /** True if the layer's op must keep the bit mask of its ReLU: a later backward op applies it. */
  readonly keepsMask: boolean
  /** By their names in the layer. */
  readonly parameters: Readonly<Record<string, Parameter>>
  /** u32[4]: seed, step, first sample. */
  readonly rng: Value
  /** i32[1]: 0 once a gradient was not finite. */
  readonly ok: Value
  /** This device's slice of the channels, of so many equal ones: { index: 0, of: 1 } if it computes all. */
  readonly slice: { readonly index: number; readonly of: number }
  /**
   * Adds calls whose outputs no other layer reads, such as gradients of weights: at once on one device; after the
   * next transfers if devices share the channels.
   */
  defer(calls: () => Promise<void>): Promise<void>
  /** Adds calls to the update, which runs when all gradients are computed. */
  onUpdate(calls: () => Promise<void>): void
}

/** What a layer's forward pass returns. */
export interface Forward {
  readonly output: Value
  /**
   * Adds the calls that compute gradients of parameters and inputs.
   * @param dy gradient of the output
   * @param needs by input: whether its gradient is needed
   * @returns gradients of the inputs; undefined for those that are not needed
   */
  readonly backward: (
    dy: Value,
    needs: readonly boolean[]
  ) => Promise<readonly (Value | undefined)[]>
}

/** How a layer is split over devices that own equal slices of the channels. */
export interface Split<Config> {
  /** Whether each device reads its own slice of every input, or the whole inputs, which the devices gather. */
  readonly reads: 'slice' | 'whole'
  /** The layer that computes one slice of the output. Its parameters are rows of the whole layer's. */
  readonly config: Config
}

/** What a layer does with the bit mask of a ReLU. Each is false if left out. */
export interface MaskSupport {
  /** Its op can keep the mask of its fused ReLU. */
  readonly keeps?: boolean
  /** Its backward op can apply its input's mask, which undoes the ReLU before it. */
  readonly applies?: boolean
  /** It multiplies each element by a factor: its input's mask holds for its output, too. */
  readonly passes?: boolean
}

/** A kind of layer. */
export interface Layer<Config> {
  /** 'conv2d', 'lrn', … */
  readonly kind: string
  /** What its options must be. */
  readonly options: Rule
  /** True for max(0, x) and nothing else: the layer before may compute it in its own op. */
  readonly isRelu?: boolean
  /** True for a function of one element. It belongs to the layer that it follows. */
  readonly isActivation?: boolean
  readonly mask?: MaskSupport
  /** The same layer with a ReLU in its op, if the op can have one. */
  withRelu?(config: Config): Config
  /** @throws Error if the inputs do not suit the layer */
  parameters?(config: Config, inputs: readonly Shape[]): readonly ParameterSpec[]
  /** Adds the calls of the forward pass. */
  forward(context: LayerContext, config: Config, inputs: readonly Value[]): Promise<Forward>
  /**
   * Splits the layer over so many devices. Without it, or if it returns undefined, the first device gathers the
   * inputs and computes the whole layer.
   */
  split?(config: Config, inputs: readonly Shape[], parts: number): Split<Config> | undefined
  /** Multiply-adds of the forward pass for one image. */
  macs?(config: Config, inputs: readonly Shape[], output: Shape): number
}

/** A layer of a net: its kind, its options, and the layers that it reads. Made by `conv2d`, `relu`, `lrn`, … */
export interface LayerNode {
  /** 'conv2d', 'lrn', … */
  readonly kind: string
  /** Undefined: the net names it. */
  readonly name: string | undefined
  /** Names of layers, or 'input'; undefined: the layer before. */
  readonly inputs: readonly string[] | undefined
  /** The options, as they were given. */
  readonly config: LayerOptions
  /** @internal */
  readonly isRelu: boolean
  /** @internal */
  readonly isActivation: boolean
  /** @internal True for a kind of layer that has weights or statistics. */
  readonly hasParameters: boolean
  /** @internal */
  readonly mask: MaskSupport
  /** @internal */
  parameters(inputs: readonly Shape[]): readonly ParameterSpec[]
  /** @internal */
  forward(context: LayerContext, inputs: readonly Value[]): Promise<Forward>
  /** @internal What each of so many devices reads, and the layer that it computes. */
  split(
    inputs: readonly Shape[],
    parts: number
  ): { readonly reads: 'slice' | 'whole'; readonly node: LayerNode } | undefined
  /** @internal */
  macs(inputs: readonly Shape[], output: Shape): number
  /** @internal The same layer with a ReLU in its op; undefined if it cannot have one. */
  readonly withRelu: (() => LayerNode) | undefined
}

/** Options of every layer. */
export interface LayerOptions {
  /** Unique in the net. Default: the kind and a number, such as 'conv2d1'. */
  readonly name?: string
  /** Names of the layers to read, or 'input' for the net's input. Default: the layer before. */
  readonly inputs?: readonly string[]
}

/** Options of layers whose op can have a ReLU. */
export interface FusedReluOptions {
  /**
   * Applies max(0, x) to the output, in the same op. Builds fuse a `relu()` that follows in the same way, so this is
   * rarely set by hand. Default false.
   */
  readonly relu?: boolean
}

/** `withRelu` of a layer whose options have `relu`. */
export function fuseRelu<Config extends FusedReluOptions>(config: Config): Config {
  return { ...config, relu: true }
}

/**
 * Makes a node of a kind of layer and the options that a user gives.
 * @throws RangeError naming the option, what was expected, and what came
 */
export function checkedNode<Config extends LayerOptions>(
  layer: Layer<Config>,
  config: Config
): LayerNode {
  checkOptions(layer.kind, config, layer.options)
  return node(layer, config)
}

function node<Config extends LayerOptions>(layer: Layer<Config>, config: Config): LayerNode {
  const { withRelu } = layer
  return {
    kind: layer.kind,
    name: config.name,
    inputs: config.inputs,
    config,
    isRelu: layer.isRelu ?? false,
    isActivation: layer.isActivation ?? false,
    hasParameters: layer.parameters !== undefined,
    mask: layer.mask ?? {},
    parameters: (inputs) => layer.parameters?.(config, inputs) ?? [],
    forward: (context, inputs) => layer.forward(context, config, inputs),
    split: (inputs, parts) => {
      const split = layer.split?.(config, inputs, parts)
      return split && { reads: split.reads, node: node(layer, split.config) }
    },
    macs: (inputs, output) => layer.macs?.(config, inputs, output) ?? 0,
    withRelu: withRelu && (() => node(layer, withRelu(config)))
  }
}

/** `split` of a layer whose channels are independent: a slice of the output needs the same slice of the input. */
export function byChannel<Config>(config: Config): Split<Config> {
  return { reads: 'slice', config }
}

/** The input of a layer that takes one. */
export function only<T>(inputs: readonly T[]): T {
  const [input] = inputs
  if (input === undefined || inputs.length !== 1) {
    throw new Error(`expected one input, got ${inputs.length}`)
  }
  return input
}

/** @throws Error if an input does not have this many dimensions */
export function requireRank(shape: Shape, rank: 2 | 4, what: string): void {
  if (shape.length !== rank) {
    const wanted = rank === 4 ? '[N, C, H, W]' : '[N, C]'
    const hint = rank === 2 ? '; put flatten() before it' : ''
    throw new Error(`${what} expected an input ${wanted}, got [${shape}]${hint}`)
  }
}
