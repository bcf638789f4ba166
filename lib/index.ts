export { version } from './version.ts'
/** What the package gives: devices and ops below, nets and training above. */
export { Buffer } from './buffer.ts'
export { type Device, type OpenOptions, open } from './device.ts'
export type { DType, TypedArray } from './dtype.ts'
export type { Fields, MemoryInfo, OpInfo, Shape, SlotInfo, Spec } from './native.ts'
export { cpuInfo, opTable } from './native.ts'
export type { Op } from './op.ts'
export { type Program, record } from './program.ts'
export type { Event, Stream } from './stream.ts'
export { denseLayout, elements, Tensor, type TensorOptions } from './tensor.ts'

