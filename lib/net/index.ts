/**
 * The options of layers and models, parameters, and the memory plan of a net.
 *
 * @module alexnode/net
 */

export type { NetOptions } from './definition.ts'
export type { Draft } from './draft.ts'
export type { Freeze } from './freeze.ts'
export type { PlacedNode } from './fuse.ts'
export type { Init } from './graph/init.ts'
export type { Parameters } from './graph/parameters.ts'
export type { PublicTensor } from './graph/public-tensors.ts'
export type { LayerOptions } from './layer.ts'
export type { BatchNormOptions } from './layers/batch-norm.ts'
export type { Conv2dOptions } from './layers/conv2d.ts'
export type { DenseOptions } from './layers/dense.ts'
export type { DropoutOptions } from './layers/dropout.ts'
export type { AddOptions, ConcatOptions, SliceOptions } from './layers/join.ts'
export type { LeakyReluOptions } from './layers/leaky-relu.ts'
export type { LrnOptions } from './layers/lrn.ts'
export type { PoolOptions } from './layers/pool.ts'
export type { Padding, Pair } from './layers/window.ts'
export type { DevicePlan, MemoryPlan, MemoryPool, PlannedSlab } from './memory-plan.ts'
export type { AlexNetOptions } from './models/alexnet.ts'
export type { CaffeOptions } from './models/caffe.ts'
export type { Chm145Options } from './models/chm-145.ts'
export type { Convnet2Options } from './models/convnet2.ts'
export { type NamedNetOptions, netNames } from './models/index.ts'
export type { NetVariant, TowerVariant } from './models/options.ts'
export type { Devices } from './placement/devices.ts'
export type { Parallel } from './placement/placement.ts'
export type { Head, HeadFunction, InputShape, NetSpec } from './spec.ts'
export type { LayerSummary } from './trace/summary.ts'
