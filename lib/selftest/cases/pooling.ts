import { type DType, floatDTypes } from '../../native/dtype.ts'
import type { Shape } from '../../native/layout.ts'
import { fromForward, type OpCase, opCase, slot, type Values } from '../case.ts'
import { avgPool, maxPool } from '../reference/pooling.ts'
import { imageLayouts, outputSize, type Sliding } from './shapes.ts'

interface Pooling extends Sliding {
  readonly x: Shape
}

const poolings: readonly Pooling[] = [
  // AlexNet's overlapping windows.
  { x: [2, 6, 27, 27], kernel: [3, 3], stride: [2, 2] },
  { x: [1, 8, 55, 55], kernel: [3, 3], stride: [2, 2] },
  { x: [2, 16, 13, 13], kernel: [3, 3], stride: [2, 2] },
  { x: [1, 1, 4, 4], kernel: [2, 2], stride: [2, 2] },
  { x: [2, 3, 7, 10], kernel: [2, 3], stride: [2, 3] },
  { x: [2, 5, 9, 9], kernel: [2, 2], stride: [3, 3] },
  { x: [1, 3, 8, 8], kernel: [3, 3], stride: [2, 2], ceil: true },
  { x: [1, 3, 6, 7], kernel: [2, 2], stride: [3, 3], padding: [1, 1, 1, 1], ceil: true },
  // The last windows hang over the edge, with and without padding.
  { x: [1, 2, 5, 5], kernel: [2, 2], stride: [2, 2], ceil: true },
  { x: [1, 9, 6, 6], kernel: [3, 3], stride: [2, 2], padding: [1, 1, 1, 1], ceil: true },
  { x: [2, 16, 7, 6], kernel: [4, 4], stride: [3, 3], padding: [0, 1, 2, 0], ceil: true },
  // A window that is larger than the image.
  { x: [2, 8, 2, 2], kernel: [3, 3], stride: [2, 2], ceil: true },
  { x: [1, 3, 4, 2], kernel: [3, 4], stride: [2, 3], ceil: true },
  { x: [2, 4, 8, 8], kernel: [3, 3], stride: [2, 2], padding: [1, 1, 1, 1] },
  { x: [2, 3, 7, 7], kernel: [3, 4], stride: [1, 2], padding: [0, 2, 1, 3] },
  { x: [2, 9, 6, 6], kernel: [6, 6], stride: [1, 1] },
  { x: [1, 2, 5, 5], kernel: [1, 1], stride: [1, 1] },
  // Windows of more than 256 elements have indices in i32.
  { x: [1, 2, 20, 20], kernel: [17, 17], stride: [2, 2], padding: [3, 3, 3, 3] }
]

/** Few distinct numbers, so that windows have several maxima. */
const tied: Values = { kind: 'integers', low: 0, high: 2 }
const withNaN: Values = { kind: 'list', list: [1, 2, Number.NaN, 0, 5, 3, 4, Number.NaN, 7, -1, 2] }

function settings({ kernel, stride, padding, ceil }: Pooling) {
  return {
    kernel,
    ...(stride ? { stride } : {}),
    ...(padding ? { padding } : {}),
    ...(ceil ? { ceil } : {})
  }
}

function maximum(pooling: Pooling, dtype: DType, layout: string, values?: Values): OpCase[] {
  const { x, kernel } = pooling
  const y = [...x.slice(0, 2), ...outputSize(x, pooling)]
  const fields = settings(pooling)
  const image = { dtype, layout }
  const index = { dtype: kernel[0] * kernel[1] > 256 ? 'i32' : 'u8', layout } as const
  const given = { x: slot(x, values ? { ...image, values } : image) }
  return [
    opCase({
      op: 'max_pool',
      fields,
      inputs: given,
      outputs: { y: slot(y, image), index: slot(y, index) }
    }),
    opCase({ op: 'max_pool', fields, inputs: given, outputs: { y: slot(y, image) } }),
    opCase({
      op: 'max_pool_backward',
      fields,
      inputs: { dy: slot(y, image), index: fromForward(y, index) },
      outputs: { dx: slot(x, image) },
      forward: {
        run: maxPool,
        fields,
        inputs: given,
        shapes: { y, index: y },
        kink: 'max',
        differences: dtype === 'f32' && layout === 'abcd' && !values
      }
    })
  ]
}

function average(
  pooling: Pooling,
  dtype: DType,
  layout: string,
  include_padding?: boolean
): OpCase[] {
  const { x } = pooling
  const y = [...x.slice(0, 2), ...outputSize(x, pooling)]
  const excluded = include_padding === false ? { include_padding } : {}
  const fields = { ...settings(pooling), ...excluded }
  const image = { dtype, layout }
  const given = { x: slot(x, image) }
  const forward = { run: avgPool, fields, inputs: given, shapes: { y } }
  return [
    opCase({ op: 'avg_pool', fields, inputs: given, outputs: { y: slot(y, image) } }),
    opCase({
      op: 'avg_pool_backward',
      fields,
      inputs: { dy: slot(y, image) },
      outputs: { dx: slot(x, image) },
      forward: { ...forward, differences: dtype === 'f32' && layout === 'abcd' }
    })
  ]
}

/** Rows of max_pool, avg_pool and their gradients. */
export const poolingCases: readonly OpCase[] = floatDTypes.flatMap((dtype) => [
  ...poolings.flatMap((pooling, i) => {
    const layout = imageLayouts[i % imageLayouts.length] ?? 'abcd'
    const layouts = layout === 'abcd' ? ['abcd'] : ['abcd', layout]
    return layouts.flatMap((layout) => [
      ...maximum(pooling, dtype, layout),
      ...average(pooling, dtype, layout),
      ...(pooling.padding ? average(pooling, dtype, layout, false) : [])
    ])
  }),
  ...imageLayouts.flatMap((layout) => [
    ...maximum({ x: [2, 5, 9, 9], kernel: [3, 3], stride: [2, 2] }, dtype, layout, tied),
    ...maximum({ x: [1, 3, 7, 7], kernel: [3, 3], stride: [2, 2] }, dtype, layout, withNaN)
  ])
])
