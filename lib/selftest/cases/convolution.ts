import { type DType, floatDTypes } from '../../native/dtype.ts'
import { elements, type Shape } from '../../native/layout.ts'
import {
  type CaseSlots,
  fromForward,
  type OpCase,
  opCase,
  slot,
  spread,
  type Tolerance
} from '../case.ts'
import { conv2d } from '../reference/convolution.ts'
import type { Fields } from '../reference/index.ts'
import { outputSize, type Padding, type Pair } from './shapes.ts'

export interface Convolution {
  readonly x: Shape
  readonly outputs: number
  readonly kernel: Pair
  readonly stride?: Pair
  readonly padding?: Padding
  readonly dilation?: Pair
  readonly groups?: number
  readonly winograd?: boolean
  readonly bias?: boolean
  readonly relu?: boolean
  /** Layout of x and y; the op then chooses that of the weights. */
  readonly layout?: string
  /** For f32. Default: the usual one. */
  readonly tolerance?: Tolerance
}

/** Winograd's transforms cost up to two digits, relative to the largest output. */
const transformed: Tolerance = { absolute: 1e-4, relative: 2e-5 }

const convolutions: readonly Convolution[] = [
  { x: [1, 1, 5, 5], outputs: 1, kernel: [1, 1] },
  { x: [2, 3, 9, 9], outputs: 4, kernel: [3, 3], padding: [1, 1, 1, 1], bias: true },
  { x: [2, 3, 9, 9], outputs: 4, kernel: [3, 3], bias: true, relu: true },
  { x: [2, 3, 8, 9], outputs: 4, kernel: [3, 3], relu: true },
  { x: [1, 5, 7, 9], outputs: 7, kernel: [3, 5], stride: [2, 1], padding: [1, 1, 2, 2] },
  // SAME for a stride of 2 and an even size pads more at the end than at the start.
  {
    x: [2, 3, 8, 8],
    outputs: 5,
    kernel: [3, 3],
    stride: [2, 2],
    padding: [0, 1, 0, 1],
    bias: true
  },
  { x: [2, 3, 7, 7], outputs: 5, kernel: [4, 4], padding: [1, 2, 1, 2] },
  { x: [1, 4, 6, 5], outputs: 3, kernel: [5, 2], padding: [4, 0, 0, 3], bias: true },
  { x: [2, 4, 11, 11], outputs: 6, kernel: [3, 3], padding: [2, 2, 2, 2], dilation: [2, 2] },
  { x: [1, 3, 9, 12], outputs: 2, kernel: [2, 3], dilation: [1, 3], stride: [2, 2], bias: true },
  { x: [2, 6, 7, 7], outputs: 8, kernel: [3, 3], groups: 2, padding: [1, 1, 1, 1], bias: true },
  { x: [1, 8, 6, 6], outputs: 12, kernel: [3, 3], groups: 4, relu: true, bias: true },
  { x: [2, 6, 5, 5], outputs: 6, kernel: [3, 3], groups: 6, padding: [1, 1, 1, 1] },
  { x: [2, 3, 10, 10], outputs: 4, kernel: [2, 2], stride: [3, 3], bias: true },
  { x: [3, 16, 6, 6], outputs: 10, kernel: [6, 6], bias: true },
  { x: [2, 16, 8, 8], outputs: 32, kernel: [3, 3], padding: [1, 1, 1, 1], bias: true },
  // Named layouts, and layouts that the op chooses.
  { x: [2, 16, 6, 6], outputs: 24, kernel: [3, 3], bias: true, layout: 'acdb' },
  { x: [2, 12, 6, 6], outputs: 10, kernel: [3, 3], bias: true, layout: 'any' },
  { x: [2, 16, 8, 8], outputs: 32, kernel: [5, 5], padding: [2, 2, 2, 2], layout: 'any' },
  {
    x: [2, 32, 6, 6],
    outputs: 32,
    kernel: [3, 3],
    groups: 2,
    bias: true,
    relu: true,
    layout: 'any'
  },
  // AlexNet's, with fewer channels.
  { x: [1, 3, 227, 227], outputs: 8, kernel: [11, 11], stride: [4, 4], bias: true, relu: true },
  { x: [1, 1, 224, 224], outputs: 8, kernel: [11, 11], stride: [4, 4], bias: true },
  { x: [1, 3, 227, 227], outputs: 16, kernel: [11, 11], stride: [4, 4], layout: 'any' },
  // Strides over few channels, with padding, and sizes that are no multiple of the stride.
  {
    x: [3, 1, 50, 61],
    outputs: 24,
    kernel: [11, 11],
    stride: [4, 4],
    padding: [2, 2, 2, 2],
    bias: true,
    relu: true,
    layout: 'any',
    tolerance: transformed
  },
  {
    x: [2, 2, 41, 38],
    outputs: 16,
    kernel: [5, 5],
    stride: [2, 2],
    padding: [1, 2, 1, 2],
    bias: true,
    layout: 'any',
    tolerance: transformed
  },
  {
    x: [1, 32, 27, 27],
    outputs: 32,
    kernel: [5, 5],
    padding: [2, 2, 2, 2],
    groups: 2,
    bias: true,
    relu: true,
    layout: 'any',
    tolerance: transformed
  },
  {
    x: [1, 32, 27, 27],
    outputs: 16,
    kernel: [5, 5],
    padding: [2, 2, 2, 2],
    groups: 2,
    bias: true,
    tolerance: transformed
  },
  { x: [2, 48, 13, 13], outputs: 64, kernel: [3, 3], padding: [1, 1, 1, 1], layout: 'any' },
  {
    x: [2, 64, 13, 13],
    outputs: 64,
    kernel: [3, 3],
    padding: [1, 1, 1, 1],
    groups: 2,
    bias: true,
    layout: 'any'
  },
  // Enough images for Winograd to be faster: tiles of 6, of 5 and of 4 for 3x3 kernels, of 4 for 5x5.
  {
    x: [28, 8, 12, 12],
    outputs: 24,
    kernel: [3, 3],
    padding: [1, 1, 1, 1],
    bias: true,
    relu: true,
    layout: 'any',
    tolerance: transformed
  },
  {
    x: [8, 16, 13, 13],
    outputs: 32,
    kernel: [3, 3],
    padding: [1, 1, 1, 1],
    groups: 2,
    bias: true,
    layout: 'any',
    tolerance: transformed
  },
  {
    x: [16, 8, 8, 8],
    outputs: 16,
    kernel: [3, 3],
    padding: [1, 1, 1, 1],
    layout: 'acdb',
    tolerance: transformed
  },
  {
    x: [8, 8, 14, 7],
    outputs: 8,
    kernel: [3, 3],
    padding: [0, 3, 2, 0],
    bias: true,
    tolerance: transformed
  },
  {
    x: [4, 16, 12, 12],
    outputs: 32,
    kernel: [5, 5],
    padding: [2, 2, 2, 2],
    groups: 2,
    bias: true,
    relu: true,
    layout: 'any',
    tolerance: transformed
  },
  { x: [4, 8, 15, 13], outputs: 16, kernel: [5, 5], padding: [0, 1, 4, 2], tolerance: transformed },
  { x: [4, 8, 15, 13], outputs: 16, kernel: [5, 5], padding: [0, 1, 4, 2], winograd: false }
]

/** conv2d and its two gradients of one convolution. */
export function convolutionRows(convolution: Convolution, dtype: DType): OpCase[] {
  const { x, outputs, kernel, groups = 1, bias = false, relu = false, layout } = convolution
  const tolerance = dtype === 'f32' ? convolution.tolerance : undefined
  const allowed = tolerance ? { tolerance } : {}
  const [count = 1, channels = 1] = x
  const y = [count, outputs, ...outputSize(x, convolution)]
  const inGroup = channels / groups
  const w = [...(groups > 1 ? [groups, outputs / groups] : [outputs]), inGroup, ...kernel]
  const fields = settings(convolution)
  const image = { dtype, ...(layout ? { layout } : {}) }
  const weights = { dtype, ...(layout ? { layout: 'any' } : {}) }
  const gradients = { dtype: 'f32', ...(layout ? { layout: 'any' } : {}) } as const
  // Scaled so that sums of products are near 1.
  const perOutput = inGroup * kernel[0] * kernel[1]
  const perWeight = elements(y) / outputs
  const given: CaseSlots = {
    x: slot(x, image),
    w: slot(w, { ...weights, values: spread(perOutput ** -0.5) }),
    ...(bias ? { b: slot([outputs]) } : {})
  }
  const forward = {
    run: conv2d,
    fields,
    inputs: given,
    shapes: { y },
    differences: dtype === 'f32' && elements(y) * perOutput < 2e5
  }
  return [
    opCase({
      op: 'conv2d',
      fields: { ...fields, ...(relu ? { relu } : {}) },
      inputs: given,
      outputs: { y: slot(y, image) },
      ...allowed
    }),
    opCase({
      op: 'conv2d_backward_data',
      fields,
      inputs: { dy: slot(y, image), w: fromForward(w, weights) },
      outputs: { dx: slot(x, image) },
      forward,
      ...allowed
    }),
    opCase({
      op: 'conv2d_backward_weights',
      fields,
      inputs: {
        x: fromForward(x, image),
        dy: slot(y, { ...image, values: spread(perWeight ** -0.5) })
      },
      outputs: { dw: slot(w, gradients), ...(bias ? { db: slot([outputs]) } : {}) },
      forward,
      ...allowed
    })
  ]
}

function settings({ stride, padding, dilation, groups, winograd }: Convolution): Fields {
  return {
    ...(stride ? { stride } : {}),
    ...(padding ? { padding } : {}),
    ...(dilation ? { dilation } : {}),
    ...(groups ? { groups } : {}),
    ...(winograd === undefined ? {} : { winograd })
  }
}

/** Rows of conv2d and its two gradients. */
export const convolutionCases: readonly OpCase[] = floatDTypes.flatMap((dtype) =>
  convolutions.flatMap((convolution) => convolutionRows(convolution, dtype))
)
