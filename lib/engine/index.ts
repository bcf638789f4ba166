/**
 * Streams, buffers, tensors, ops and programs, which nets are built on; and what this machine has.
 *
 * @module alexnode/engine
 */

import '../util/disposal.ts' // before any class that has such a method

export type { DeviceChoice } from '../doctor/cuda-probe.ts'
export { cpuInfo, opTable } from '../native/binding.ts'
export type { CpuInfo, CudaDevice, CudaInfo, MemoryInfo } from '../native/device-info.ts'
export type { DType, FloatDType, TypedArray } from '../native/dtype.ts'
export { denseLayout, elements, type Shape } from '../native/layout.ts'
export type { Fields, FieldValue, OpInfo, SettledSpec, SlotInfo, Spec } from '../native/op-info.ts'
export { version } from '../native/version.ts'
export type { Device, OpenOptions } from './device.ts'
export type { Event } from './event.ts'
export { Buffer, Tensor, type TensorOptions } from './memory.ts'
export type { Op } from './op.ts'
export { type Program, record } from './program.ts'
export type { Stream, StreamOptions } from './stream.ts'
