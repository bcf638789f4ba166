import { floatDTypes } from '../../dtype.ts'
import { type OpCase, opCase, slot, type Values } from '../case.ts'

const shapes = [[1], [10], [16, 33], [4, 3, 5, 5]] as const
const positive: Values = { kind: 'uniform', low: 0, high: 1 }

/** What can be asked of an update besides the plain one. */
const variants = [
  {},
  { w16: 'bf16' },
  { w16: 'f16' },
  { ok: 1 },
  { ok: 0, w16: 'bf16' },
  { ok: 0, w16: 'f16' }
] as const

function flags({ ok, w16 }: { ok?: number; w16?: 'bf16' | 'f16' }, shape: readonly number[]) {
  const list = [ok ?? 1]
  return {
    input:
      ok === undefined ? {} : { ok: slot([1], { dtype: 'i32', values: { kind: 'list', list } }) },
    // What a skipped step leaves alone is there before it.
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
  const flag = (value: number) =>
    slot([1], { dtype: 'i32', values: { kind: 'list', list: [value] } })
  return [0, 1].flatMap((mine) =>
    [0, 1].map((other) => {
      const ok = flag(mine)
      return opCase({ op: 'agree', inputs: { ok, x: flag(other) }, outputs: { ok } })
    })
  )
}

/** sgd, adam, and the checks that go before them. */
export const optimizerCases: readonly OpCase[] = [
  ...sgdCases(),
  ...adamCases(),
  ...finiteCases(),
  ...agreeCases()
]
