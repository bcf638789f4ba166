/** Options of a build. */
import { aStream } from '../engine/rules.ts'
import type { Stream } from '../engine/stream.ts'
import { Group } from '../group/group.ts'
import { type FloatDType, floatDTypes } from '../native/dtype.ts'
import { type Optimizer, optimizerRule } from '../optim/optimizer.ts'
import { checkOptions } from '../util/check/check.ts'
import { f32, flag, instance, maybe, oneOf, record, seed, whole } from '../util/check/rules.ts'
import { type Freeze, freezeRule } from './freeze.ts'
import { Parameters } from './graph/parameters.ts'
import { type Parallel, parallelRule } from './placement/placement.ts'

/** What `definition.build` and `definition.draft` take. */
export interface BuildOptions {
  /** Images in a batch, over all devices and processes. */
  readonly batch: number
  /** Dtype of activations, and of the weights that ops read. Master weights are always f32. Default 'f32'. */
  readonly dtype?: FloatDType
  /** False builds the forward pass only, for evaluation and prediction. Default true. */
  readonly training?: boolean
  /** Seeds the initial weights and all random draws of training. Default 1. */
  readonly seed?: number
  /** The optimizer that will train the net: the memory plan counts its state. Default: none is counted. */
  readonly optimizer?: Optimizer
  /** The decay of the weights' moving average, if training keeps one: the memory plan counts it. Default: none. */
  readonly ema?: number | undefined
  /** Batches that one step accumulates: the memory plan counts a second slab of gradients if over 1. Default 1. */
  readonly accumulate?: number | undefined
  /**
   * Layers that stay as they are in training. They have no gradients, no optimizer state and no weight decay; the
   * backward pass ends at the first layer that is trained. Frozen batch norm takes its running statistics; dropout
   * drops. With `parameters`, those of the other build are frozen. Default: none.
   */
  readonly freeze?: Freeze | undefined
  /** Fuses ReLUs into the ops of neighbouring layers. The results stay the same. Default true. */
  readonly fuse?: boolean
  /**
   * Lets f32 convolutions on a CPU use Winograd's method where it is faster. Results differ by about 3e-5 of the
   * largest output. Default true.
   */
  readonly winograd?: boolean
  /** Parameters of another build of the same net, to share. Default: new ones, initialised as the layers say. */
  readonly parameters?: Parameters
  /** How several devices share the net. Default 'model': each owns a slice of the channels. */
  readonly parallel?: Parallel
  /** The stream to run on, for a build on one device. Default: a new one. */
  readonly stream?: Stream
  /**
   * The processes that train the net together, from `joinGroup` of `alexnode/group`. Each builds the net with the same
   * options, on devices of its own. `batch` is that of all processes together. Default: this process alone.
   */
  readonly group?: Group | undefined
  /**
   * The dtype in which gradients travel between the processes of a group: bf16 halves the bytes, and rounds each
   * process's gradient and each partial sum to 8 bits. Default 'f32'.
   */
  readonly gradientDtype?: 'f32' | 'bf16'
  /**
   * With `group`: batch norm takes its statistics over the whole batch, as one process does, not over each process's
   * share. It costs two exchanges a layer. Alone it changes nothing. Default false.
   */
  readonly syncBatchNorm?: boolean | undefined
}

const buildOptions = record<BuildOptions>({
  batch: whole({ from: 1 }),
  dtype: maybe(oneOf(...floatDTypes)),
  training: maybe(flag),
  seed: maybe(seed),
  optimizer: maybe(optimizerRule),
  ema: maybe(f32({ from: 0, below: 1 })),
  accumulate: maybe(whole({ from: 1 })),
  freeze: maybe(freezeRule),
  fuse: maybe(flag),
  winograd: maybe(flag),
  parameters: maybe(instance(Parameters, 'the parameters of another build')),
  parallel: maybe(parallelRule),
  stream: maybe(aStream),
  gradientDtype: maybe(oneOf('f32', 'bf16')),
  group: maybe(instance(Group, 'a group of processes that joinGroup() made')),
  syncBatchNorm: maybe(flag)
})

/** @throws RangeError naming the option, what was expected, and what came */
export function checkBuild(options: BuildOptions): void {
  checkOptions('net', options, buildOptions)
}

/** What `net.at` takes. */
type AtOptions = Partial<Pick<BuildOptions, 'batch' | 'training'>>

const atOptions = record<AtOptions>({ batch: maybe(whole({ from: 1 })), training: maybe(flag) })

/** @throws RangeError naming the option, what was expected, and what came */
export function checkAt(options: AtOptions): void {
  checkOptions('net', options, atOptions)
}

/** Options of a build, with their defaults. */
export interface SettledOptions extends BuildOptions {
  readonly dtype: FloatDType
  readonly training: boolean
  readonly seed: number
  readonly accumulate: number
  readonly gradientDtype: 'f32' | 'bf16'
  readonly fuse: boolean
  readonly winograd: boolean
  readonly syncBatchNorm: boolean
}

export function settleOptions(options: BuildOptions): SettledOptions {
  const { dtype = 'f32', training = true, seed = 1, accumulate = 1 } = options
  const { fuse = true, winograd = true, gradientDtype = 'f32', syncBatchNorm = false } = options
  const common = { dtype, training, seed, accumulate, gradientDtype }
  return { ...options, ...common, fuse, winograd, syncBatchNorm }
}
