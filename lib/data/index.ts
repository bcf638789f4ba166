/**
 * Image data sets: from files of many kinds, by download, or generated.
 *
 * @module alexnode/data
 */

export type { ArrayImageSetOptions } from './array-image-set.ts'
export { type ImageStats, imageStats } from './byte-counts.ts'
export type {
  ColourVariation,
  Dataset,
  Fit,
  ImageSet,
  ImageShape,
  ResizeFilter
} from './dataset.ts'
export type { DownloadProgress } from './download/download.ts'
export { DownloadError, OfflineError } from './download/errors.ts'
export type { FashionMnistOptions } from './fashion-mnist.ts'
export { type HeldOut, subset } from './hold-out.ts'
export { type LoadIdxOptions, loadIdxFolder } from './idx/folder.ts'
export type { OpenDataOptions } from './open.ts'
export {
  type DecodeOptions,
  decodePhoto,
  type Photo,
  PhotoError,
  type PhotoSize
} from './photos/decode.ts'
export {
  type OpenPhotosOptions,
  openPhotos,
  type PhotoDataset,
  type PhotoSet
} from './photos/open.ts'
export { type Prepared, type PrepareOptions, prepare } from './photos/prepare/prepare.ts'
export type { Skipped as SkippedPhoto } from './photos/scan/source.ts'
export type {
  Manifest as PhotoManifest,
  MeanImageFile,
  Part as PhotoPart,
  ShardFile
} from './photos/stored/manifest.ts'
export type { Form as PhotoForm } from './photos/stored/shard.ts'
export { sample } from './sample.ts'
export type { ShapesOptions } from './shapes/shapes.ts'
