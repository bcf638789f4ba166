/** What the package gives: devices and ops below, nets and training above. */
export { Buffer } from './buffer.ts'
export {
  type ArrayImageSetOptions,
  arrayImageSet,
  DataError,
  type Dataset,
  type ImageSet,
  imageStats
} from './data/dataset.ts'
export { DownloadError, type DownloadProgress, OfflineError } from './data/download.ts'
export { type FashionMnistOptions, fashionMnist } from './data/fashion-mnist.ts'
export { loadIdxFolder } from './data/idx-folder.ts'
export { type OpenDataOptions, openData } from './data/open.ts'
export { type ShapesOptions, shapes } from './data/shapes.ts'
export { type Device, type OpenOptions, open } from './device.ts'
export type { DType, TypedArray } from './dtype.ts'
export type { Fields, MemoryInfo, OpInfo, Shape, SlotInfo, Spec } from './native.ts'
export { cpuInfo, opTable } from './native.ts'
export type { Op } from './op.ts'
export { type Program, record } from './program.ts'
export { permutation, Random, type RandomOptions } from './random.ts'
export type { Event, Stream } from './stream.ts'
export { denseLayout, elements, Tensor, type TensorOptions } from './tensor.ts'
export { version } from './version.ts'
