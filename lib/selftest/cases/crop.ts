import { floatDTypes } from '../../native/dtype.ts'
import { type CaseSlot, type OpCase, opCase, slot } from '../case.ts'
import type { Fields } from '../reference/index.ts'
import { imageLayouts } from './shapes.ts'

/** Where images are cropped, and how they are augmented. */
interface Crop {
  readonly x: readonly [n: number, c: number, h: number, w: number]
  readonly y: readonly [h: number, w: number]
  readonly fields: Fields
  readonly mean?: 'channel' | 'image' | 'crop'
  readonly factor?: boolean
  readonly colours?: boolean
}

const draws = { purpose: 0x1234567, colour_purpose: 0xfedcba98 }

const crops: readonly Crop[] = [
  { x: [1, 1, 4, 4], y: [4, 4], fields: {} },
  { x: [2, 3, 6, 5], y: [6, 5], fields: {}, mean: 'channel', factor: true },
  { x: [2, 3, 9, 8], y: [5, 6], fields: { top: 4, left: 1 }, mean: 'channel', factor: true },
  { x: [2, 3, 9, 8], y: [5, 6], fields: { top: 1, left: 2, mirrored: true }, mean: 'image' },
  {
    x: [9, 3, 40, 44],
    y: [33, 35],
    fields: { offsets: [8, 10], flip: true, ...draws },
    mean: 'image',
    factor: true,
    colours: true
  },
  {
    x: [7, 3, 12, 11],
    y: [7, 7],
    fields: { top: 1, offsets: [4, 5], flip: true, shared: 3, fixed_mean: true, ...draws },
    mean: 'crop',
    colours: true
  },
  { x: [5, 10, 8, 8], y: [8, 8], fields: { flip: true, ...draws }, mean: 'image', factor: true },
  { x: [4, 2, 6, 7], y: [5, 4], fields: { mirrored: true, offsets: [2, 3], ...draws } },
  { x: [4, 4, 7, 6], y: [7, 6], fields: { ...draws }, mean: 'channel', colours: true }
]

/** Rows of crop, in all layouts of y. */
export const cropCases: readonly OpCase[] = crops.flatMap(
  ({ x, y: [h, w], fields, mean, factor, colours }) => {
    const [n, c, height, width] = x
    const level: Partial<CaseSlot> = { values: { kind: 'uniform', low: 90, high: 140 } }
    const means = { channel: [c], image: [c, height, width], crop: [c, h, w] }
    const random = colours || 'purpose' in fields
    const inputs = {
      x: slot(x, {
        dtype: 'u8',
        layout: 'acdb',
        values: { kind: 'integers', low: 0, high: 255 }
      }),
      ...(mean && { mean: slot(means[mean], level) }),
      ...(factor && { factor: slot([c], { values: { kind: 'uniform', low: 0.01, high: 0.02 } }) }),
      ...(colours && { colours: slot([c, c], { values: { kind: 'normal', std: 60 } }) }),
      ...(random && {
        rng: slot([4], { dtype: 'u32', values: { kind: 'list', list: [7, 2 ** 31 + 5, 11, 64] } })
      })
    }
    return floatDTypes.flatMap((dtype) =>
      imageLayouts.map((layout) =>
        opCase({
          op: 'crop',
          fields: colours ? { ...fields, sigma: 0.1 } : fields,
          inputs,
          outputs: { y: slot([n, c, h, w], { dtype, layout }) }
        })
      )
    )
  }
)
