import { floatDTypes } from '../../native/dtype.ts'
import { type OpCase, opCase, slot, type Values } from '../case.ts'

const shapes = [[1], [10], [16, 33], [4, 3, 5, 5]] as const
const positive: Values = { kind: 'uniform', low: 0, high: 1 }

/** Options of an update. */
const variants = [
  {},
  { w16: 'bf16' },
  { w16: 'f16' },
  { ok: 1 },
  { ok: 0, w16: 'bf16' },
  { ok: 0, w16: 'f16' },
  { clip: 0.25 }
] as const

interface Variant {
  readonly ok?: number
  readonly w16?: 'bf16' | 'f16'
  readonly clip?: number
}

const number = (value: number, dtype: 'f32' | 'i32' = 'f32') =>
  slot([1], { dtype, values: { kind: 'list', list: [value] } })

function flags({ ok, w16, clip }: Variant, shape: readonly number[]) {
  return {
    input: {
      ...(ok !== undefined && { ok: number(ok, 'i32') }),
      ...(clip !== undefined && { clip: number(clip) })
    },
    // Also an input: a skipped step must not change it.
    inout: w16 ? { w16: slot(shape, { dtype: w16 }) } : {}
  } as const
}

function sgdCases(): OpCase[] {
  const forms = [{}, { nesterov: true }, { rate_in_velocity: true }]
  const hypers = [
    [0.01, 0.9, 5e-4, 1],
    [0.1, 0, 0.01, 0.125]
  ]
  return shapes.flatMap((shape) =>
    forms.flatMap((fields) =>
      hypers.flatMap((list) =>
        variants.map((variant) => {
          const { input, inout } = flags(variant, shape)
          const state = { w: slot(shape), v: slot(shape), ...inout }
          const hyper = slot([4], { values: { kind: 'list', list } })
          const inputs = { ...state, g: slot(shape), hyper, ...input }
          return opCase({ op: 'sgd', fields, inputs, outputs: state })
        })
      )
    )
  )
}

function adamCases(): OpCase[] {
  const hypers = [
    [0.001, 0.9, 0.999, 1e-8, 0, 1, 1, 0],
    [0.01, 0.8, 0.99, 1e-6, 0.05, 0.25, 20, 0]
  ]
  return shapes.flatMap((shape) =>
    hypers.flatMap((list) =>
      variants.map((variant) => {
        const { input, inout } = flags(variant, shape)
        const v = slot(shape, { values: positive })
        const state = { w: slot(shape), m: slot(shape), v, ...inout }
        const hyper = slot([8], { values: { kind: 'list', list } })
        const inputs = { ...state, g: slot(shape), hyper, ...input }
        return opCase({ op: 'adam', inputs, outputs: state })
      })
    )
  )
}

function averageCases(): OpCase[] {
  return shapes.flatMap((shape) =>
    [{}, { ok: 1 }, { ok: 0 }].flatMap((variant) =>
      [0, 0.9, 0.9999].map((decay) => {
        const y = slot(shape)
        const inputs = { y, w: slot(shape), decay: number(decay), ...flags(variant, shape).input }
        return opCase({ op: 'average', inputs, outputs: { y } })
      })
    )
  )
}

/** Sizes around the 16,384 elements of a partial sum. */
function normCases(): OpCase[] {
  const sizes = [[1], [3, 5], [16_384], [16_385], [3, 70_001]]
  // Their squares underflow in f32.
  const small: Values = { kind: 'list', list: [1e-25, -3e-25, 2e-25] }
  const values: readonly Values[] = [{ kind: 'normal' }, small]
  return sizes.flatMap((shape) =>
    values.flatMap((values) =>
      [{}, { with: number(1.5) }].map((more) => {
        const inputs = { x: slot(shape, { values }), ...more }
        const tolerance = { absolute: 1e-30, relative: 1e-6 }
        return opCase({ op: 'norm', inputs, outputs: { norm: slot([1]) }, tolerance })
      })
    )
  )
}

function clipCases(): OpCase[] {
  const lists = [
    [1, 1],
    [5, 1],
    [1e-3, 2 ** -16],
    [0, 1]
  ]
  return lists.flatMap((list) =>
    [0, 2.5, 1e6].map((norm) => {
      const hyper = slot([2], { values: { kind: 'list', list } })
      const inputs = { norm: number(norm), hyper }
      return opCase({ op: 'clip_factor', inputs, outputs: { clip: slot([1]) } })
    })
  )
}

function finiteCases(): OpCase[] {
  const lists = [
    [1, -2, 3],
    [1, Number.NaN, 3, 4],
    [0, Number.POSITIVE_INFINITY],
    [0, 1, 2, 3, 4, 5, Number.NEGATIVE_INFINITY],
    [3e38, -3e38]
  ]
  return floatDTypes.flatMap((dtype) =>
    lists.flatMap((list) =>
      [1, 0].map((before) => {
        const ok = slot([1], { dtype: 'i32', values: { kind: 'list', list: [before] } })
        const x = slot([list.length, 1], { dtype, values: { kind: 'list', list } })
        return opCase({ op: 'finite', inputs: { ok, x }, outputs: { ok } })
      })
    )
  )
}

function agreeCases(): OpCase[] {
  const flag = (value: number) => number(value, 'i32')
  return [0, 1].flatMap((mine) =>
    [0, 1].map((other) => {
      const ok = flag(mine)
      return opCase({ op: 'agree', inputs: { ok, x: flag(other) }, outputs: { ok } })
    })
  )
}

/** Rows of sgd, adam, average, norm, clip_factor, finite and agree. */
export const optimizerCases: readonly OpCase[] = [
  ...sgdCases(),
  ...adamCases(),
  ...averageCases(),
  ...normCases(),
  ...clipCases(),
  ...finiteCases(),
  ...agreeCases()
]
