/**
 * What a layer is: data, with a function that calls its ops forward and gives back the one that calls
 * them backward. lib/net/layers/ has one file each.
 */

import type { DType } from '../native/dtype.ts'
import type { Shape } from '../native/layout.ts'
import type { Parameter, ParameterSpec } from './graph/parameter.ts'
import type { Tape } from './graph/tape.ts'
import type { Value } from './graph/value.ts'

/** What a layer builds with. */
export interface LayerContext {
  readonly tape: Tape
  /** The dtype of activations and of the weights that ops read. */
  readonly dtype: DType
  /** True: what the backward pass needs is kept, dropout drops, batch norm uses the batch. */
  readonly training: boolean
  /** Whether convolutions may be made by Winograd's method. */
  readonly winograd: boolean
  /** The layer's name, unique in its net. */
  readonly name: string
  /** A ReLU in the layer's op shall leave its bits, for the backward of what reads the output. */
  readonly keepsMask: boolean
  readonly parameters: Readonly<Record<string, Parameter>>
  /** u32[4]: seed, step, first sample. */
  readonly rng: Value
  /** i32[1]: 0 from the moment a gradient was not finite. */
  readonly ok: Value
  /** Which of how many equal slices of the channels this device owns: { index: 0, of: 1 } where it owns all. */
  readonly slice: { readonly index: number; readonly of: number }
  /**
   * Calls ops whose outputs no other layer reads (gradients of weights), at once, or where devices share the net
   * after what others wait for.
   */
  defer(calls: () => Promise<void>): Promise<void>
  /** Adds calls to the update, which runs after all gradients are known. */
  onUpdate(calls: () => Promise<void>): void
}

export interface Forward {
  readonly output: Value
  /**
   * Calls the ops that turn the gradient of the output into those of parameters and inputs.
   * @param needs which inputs' gradients are wanted; undefined may be given for the others
   */
  readonly backward: (
    dy: Value,
    needs: readonly boolean[]
  ) => Promise<readonly (Value | undefined)[]>
}

/** How a layer is split over devices that own equal slices of the channels. */
export interface Split<Config> {
  /** What each device reads of every input: its own slice, or all of it, which the others send. */
  readonly reads: 'slice' | 'whole'
  /** The layer that computes a device's slice of the output. Its parameters are rows of the whole layer's. */
  readonly config: Config
}

export interface Layer<Config> {
  /** 'conv2d', 'lrn', … */
  readonly kind: string
  /** @throws Error where the inputs do not suit the layer */
  parameters?(config: Config, inputs: readonly Shape[]): readonly ParameterSpec[]
  forward(context: LayerContext, config: Config, inputs: readonly Value[]): Promise<Forward>
  /**
   * How it is split over so many devices. Where it is not (undefined, or no such function), the first device
   * computes it whole, and others send it their slices of its inputs.
   */
  split?(config: Config, inputs: readonly Shape[], parts: number): Split<Config> | undefined
  /** Multiply-adds for one image, forward. */
  macs?(config: Config, inputs: readonly Shape[], output: Shape): number
}

/** One layer in a net: its kind, its settings, and which layers it reads. */
export interface LayerNode {
  readonly kind: string
  readonly name: string | undefined
  /** Names of layers, or 'input'; undefined: the layer before. */
  readonly inputs: readonly string[] | undefined
  /** The settings, as they were given. */
  readonly config: LayerOptions
  parameters(inputs: readonly Shape[]): readonly ParameterSpec[]
  forward(context: LayerContext, inputs: readonly Value[]): Promise<Forward>
  /** What one of so many devices reads, and the layer that it computes. */
  split(
    inputs: readonly Shape[],
    parts: number
  ): { readonly reads: 'slice' | 'whole'; readonly node: LayerNode } | undefined
  macs(inputs: readonly Shape[], output: Shape): number
  /** The same layer with a ReLU at its end, where it can have one inside its op. */
  readonly withRelu: (() => LayerNode) | undefined
}

/** What every layer can be told. */
export interface LayerOptions {
  /** Default: the kind and a number. */
  readonly name?: string
  /** Names of the layers it reads, or 'input'. Default: the layer before. */
  readonly inputs?: readonly string[]
}

/** Makes a node of a layer's options. `fusesRelu`: the layer takes the option `relu`. */
export function node<Config extends LayerOptions>(
  layer: Layer<Config>,
  config: Config,
  fusesRelu = false
): LayerNode {
  return {
    kind: layer.kind,
    name: config.name,
    inputs: config.inputs,
    config,
    parameters: (inputs) => layer.parameters?.(config, inputs) ?? [],
    forward: (context, inputs) => layer.forward(context, config, inputs),
    split: (inputs, parts) => {
      const split = layer.split?.(config, inputs, parts)
      return split && { reads: split.reads, node: node(layer, split.config, fusesRelu) }
    },
    macs: (inputs, output) => layer.macs?.(config, inputs, output) ?? 0,
    withRelu: fusesRelu ? () => node(layer, { ...config, relu: true }, true) : undefined
  }
}

/** Each device computes its slice of the output from its slice of the input, as the whole layer would. */
export function byChannel<Config>(config: Config): Split<Config> {
  return { reads: 'slice', config }
}

/** The only input of a layer that takes one. */
export function only<T>(inputs: readonly T[]): T {
  const [input] = inputs
  if (input === undefined || inputs.length !== 1) {
    throw new Error(`expected one input, got ${inputs.length}`)
  }
  return input
}

/** @throws Error where an input does not have this many dims */
export function requireRank(shape: Shape, rank: 2 | 4, what: string): void {
  if (shape.length !== rank) {
    const wanted = rank === 4 ? '[N, C, H, W]' : '[N, C]'
    const hint = rank === 2 ? '; put flatten() before it' : ''
    throw new Error(`${what} expected an input ${wanted}, got [${shape}]${hint}`)
  }
}
