/** What a file of weights is here, whichever program wrote it. One folder beside this file reads one format. */
import type { FileDtype } from '../util/files/safetensors-header.ts'

/** A format of files of weights. */
export type WeightsFormat = 'safetensors' | 'pytorch' | 'keras' | 'caffe' | 'onnx'

/** A tensor of a file, whose values are read when they are asked for. */
export interface WeightTensor {
  /** Sizes as the file has them, outermost dimension first; `[]` is one element. */
  readonly shape: readonly number[]
  /** Element type in the file. */
  readonly dtype: FileDtype
  /**
   * Reads the values, row-major in the file's shape, as f32.
   *
   * @throws DamagedFileError where the file is cut short or was altered
   * @throws DiskError where it cannot be read
   */
  read(): Promise<Float32Array>
}

/** A layer of a file that keeps its weights by layer, such as Keras's and Caffe's. */
export interface WeightLayer {
  /** Its name in the file. */
  readonly name: string
  /** Its kind here: 'conv2d', 'dense' or 'batch_norm'. */
  readonly kind: string
  /** Names of its tensors, by our names: weight and bias, or scale, shift, running_mean and running_var. */
  readonly tensors: Readonly<Record<string, string>>
}

/** A parameter of a net, which a tensor of a file is to fill. */
export interface ParameterPlace {
  /** 'conv1.weight' */
  readonly name: string
  /** 'conv1' */
  readonly layer: string
  /** The layer's kind: 'conv2d', 'dense', 'batch_norm'. */
  readonly kind: string
  /** Its name in the layer: 'weight'. */
  readonly role: string
  /** [O, C, kh, kw], [out, in] or [C]. */
  readonly shape: readonly number[]
  /** What the layer reads, if that is a flattened [C, H, W]. */
  readonly flattened: readonly [number, number, number] | undefined
  /** True if the layer reads the net's input. */
  readonly readsInput: boolean
}

/** A tensor in the order of axes of the parameter that it is to fill. */
export interface ArrangedTensor {
  /** As the net would have it: it fits if this is the parameter's shape. */
  readonly shape: readonly number[]
  /** What is done to the values, such as 'HWIO to OIHW'. */
  readonly how: readonly string[]
  /** Reads the values in that order. To call only if the shapes are the same. */
  read(): Promise<Float32Array>
}

/** A file of weights, opened: what it holds, without its values. */
export interface WeightsFile {
  /** Where it is. */
  readonly path: string
  /** Told by the content, not by the name. */
  readonly format: WeightsFormat
  /** Size of the file in bytes. */
  readonly bytes: number
  /** Tensors by their names in the file. */
  readonly tensors: ReadonlyMap<string, WeightTensor>
  /** What the file says of itself, such as `net`, or the version that wrote it. */
  readonly metadata: Readonly<Record<string, string>>
  /** The layers in the order of the net, where the format has layers. */
  readonly layers?: readonly WeightLayer[]
  /** True if the layers' names are part of the net, so that they are matched by name alone. Default false. */
  readonly byName?: boolean
  /** What the reader left out or took apart, a line each. */
  readonly notes: readonly string[]
  /** @internal A tensor as a net has it. Default: as the file has it. */
  arrange?(place: ParameterPlace, tensor: WeightTensor): ArrangedTensor
}

/** The begin of a file, by which its format is told. */
export interface FileBegin {
  readonly path: string
  /** Size of the file in bytes. */
  readonly size: number
  /** The first 4,096 bytes, or all of a shorter file. */
  readonly bytes: Uint8Array
}

/** A reader of one format. */
export interface WeightsReader {
  /** Whether the file is of this format. Reads no more than it is given. */
  matches(begin: FileBegin): boolean
  /**
   * Reads what the file holds, without the values.
   * @throws DamagedFileError naming the file, and what was expected
   * @throws DiskError where it cannot be read
   */
  read(begin: FileBegin): Promise<WeightsFile>
}
