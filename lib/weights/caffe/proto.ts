/** Numbers of fields and kinds in Caffe's messages. Source: Caffe, src/caffe/proto/caffe.proto. */

/** NetParameter. */
export const NET = { name: 1, oldLayers: 2, layers: 100 } as const

/** LayerParameter, of Caffe from 2014 on. Its type is a text. */
export const LAYER = { name: 1, type: 2, blobs: 7, innerProduct: 117 } as const

/** V1LayerParameter, of before. Its type is a number; `layer` is a message of a still older kind. */
export const OLD_LAYER = { layer: 1, name: 4, type: 5, blobs: 6 } as const

/** InnerProductParameter. */
export const INNER_PRODUCT = { transpose: 6 } as const

/** BlobProto: the old shape is num, channels, height, width. */
export const BLOB = { oldShape: [1, 2, 3, 4], data: 5, shape: 7, doubleData: 8 } as const

/** BlobShape. */
export const SHAPE = { dim: 1 } as const

/** Our kinds, by the types of layers, of both kinds of messages. */
export const kinds: ReadonlyMap<string | number, 'conv2d' | 'dense'> = new Map<
  string | number,
  'conv2d' | 'dense'
>([
  ['Convolution', 'conv2d'],
  ['InnerProduct', 'dense'],
  [4, 'conv2d'],
  [14, 'dense']
])
