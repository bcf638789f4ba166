import { floatDTypes } from '../../native/dtype.ts'
import type { Shape } from '../../native/layout.ts'
import { type OpCase, opCase, slot, type Values } from '../case.ts'
import { imageLayouts, type Padding } from './shapes.ts'

const bytes: Values = { kind: 'integers', low: 0, high: 255 }

function reorderCases(): OpCase[] {
  const between = (shape: Shape, layouts: readonly string[]) =>
    floatDTypes.flatMap((from) =>
      floatDTypes.flatMap((to) =>
        layouts.flatMap((x) =>
          layouts.map((y) =>
            opCase({
              op: 'reorder',
              inputs: { x: slot(shape, { dtype: from, layout: x }) },
              outputs: { y: slot(shape, { dtype: to, layout: y }) }
            })
          )
        )
      )
    )
  const fromBytes = imageLayouts.map((layout) =>
    opCase({
      op: 'reorder',
      inputs: { x: slot([2, 3, 5, 4], { dtype: 'u8', layout: 'acdb', values: bytes }) },
      outputs: { y: slot([2, 3, 5, 4], { layout }) }
    })
  )
  return [
    ...between([2, 5, 3, 4], imageLayouts),
    ...between([17, 9, 3, 3], ['abcd', 'ABcd8b8a', 'Acdb16a']),
    ...between([2, 6, 5, 3, 3], ['abcde', 'aBCde8c8b']),
    ...between([5, 7], ['ab', 'ba', 'AB16b16a']),
    // Whole tiles, and block sizes that do not divide each other.
    ...between([2, 20, 5, 4], ['abcd', 'acdb']),
    ...between([70, 33], ['ab', 'ba']),
    ...between([5, 7], ['AB6a4b', 'AB4a3b']),
    ...between([11], ['a']),
    ...fromBytes
  ]
}

function channelCases(): OpCase[] {
  const copies = [
    { x: 3, y: 7, from: 0, to: 2, count: 3 },
    { x: 16, y: 8, from: 8, to: 0, count: 8 },
    { x: 5, y: 9, from: 1, to: 6, count: 2 },
    { x: 4, y: 4, from: 0, to: 0, count: 4 }
  ]
  return floatDTypes.flatMap((dtype) =>
    ['ab', ...imageLayouts].flatMap((layout) =>
      copies.map(({ x, y, ...fields }) => {
        const pixels = layout === 'ab' ? [] : [3, 5]
        const target = slot([2, y, ...pixels], { dtype, layout })
        const inputs = { y: target, x: slot([2, x, ...pixels], { dtype, layout }) }
        return opCase({ op: 'copy_channels', fields, inputs, outputs: { y: target } })
      })
    )
  )
}

function normalizeCases(): OpCase[] {
  const shapes: readonly Shape[] = [
    [2, 3, 6, 5],
    [1, 1, 4, 4],
    [2, 10, 3, 3]
  ]
  return shapes.flatMap((shape) =>
    floatDTypes.flatMap((dtype) =>
      imageLayouts.flatMap((layout) =>
        (['u8', 'f32'] as const).map((from) => {
          const [, channels = 1] = shape
          return opCase({
            op: 'normalize',
            inputs: {
              x: slot(shape, { dtype: from, layout: 'acdb', values: bytes }),
              mean: slot([channels], { values: { kind: 'uniform', low: 100, high: 140 } }),
              scale: slot([channels], { values: { kind: 'uniform', low: 0.01, high: 0.02 } })
            },
            outputs: { y: slot(shape, { dtype, layout }) }
          })
        })
      )
    )
  )
}

function resizeCases(): OpCase[] {
  const sizes: readonly { x: Shape; y: Shape; padding?: Padding; value?: number }[] = [
    { x: [2, 1, 28, 28], y: [2, 1, 56, 56] },
    { x: [1, 1, 28, 28], y: [1, 1, 224, 224] },
    { x: [2, 3, 9, 7], y: [2, 3, 5, 11] },
    { x: [1, 3, 8, 8], y: [1, 3, 8, 8] },
    { x: [1, 2, 1, 1], y: [1, 2, 4, 3] },
    { x: [1, 10, 6, 5], y: [1, 10, 12, 9], padding: [2, 1, 0, 3], value: -1.5 },
    { x: [2, 3, 12, 12], y: [2, 3, 7, 7], padding: [1, 1, 1, 1] }
  ]
  return sizes.flatMap(({ x, y, ...fields }) =>
    floatDTypes.flatMap((dtype) =>
      imageLayouts.flatMap((layout) => [
        opCase({
          op: 'resize',
          fields,
          inputs: { x: slot(x, { dtype, layout }) },
          outputs: { y: slot(y, { dtype, layout }) }
        }),
        opCase({
          op: 'resize',
          fields,
          inputs: { x: slot(x, { dtype: 'u8', layout: 'acdb', values: bytes }) },
          outputs: { y: slot(y, { dtype, layout }) },
          tolerance: { absolute: 1e-3, relative: 2e-5 }
        })
      ])
    )
  )
}

/** Rows of reorder, copy_channels, normalize and resize. */
export const moveCases: readonly OpCase[] = [
  ...reorderCases(),
  ...channelCases(),
  ...normalizeCases(),
  ...resizeCases()
]
