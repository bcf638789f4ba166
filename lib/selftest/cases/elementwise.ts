import { dtypes, floatDTypes } from '../../native/dtype.ts'
import type { Shape } from '../../native/layout.ts'
import { type CaseSlot, fromForward, type OpCase, opCase, slot } from '../case.ts'
import { leakyRelu, relu, sigmoid, softmax, tanh } from '../reference/activation.ts'
import { dropout } from '../reference/dropout.ts'
import type { Fields, Reference } from '../reference/index.ts'
import { imageLayouts } from './shapes.ts'

type SlotOptions = Partial<Omit<CaseSlot, 'shape'>>

/** Tensors for elementwise ops: all layouts, odd sizes. */
const tensors: readonly [Shape, SlotOptions][] = floatDTypes.flatMap((dtype) => [
  [[3, 1], { dtype }],
  [[4, 37], { dtype }],
  ...imageLayouts.map((layout): [Shape, SlotOptions] => [[2, 5, 3, 7], { dtype, layout }])
])

interface Activation {
  readonly op: string
  readonly run: Reference
  readonly fields?: Fields
  readonly kink?: 'zero'
}

const activations: readonly Activation[] = [
  { op: 'relu', run: relu, kink: 'zero' },
  { op: 'leaky_relu', run: leakyRelu, kink: 'zero' },
  { op: 'leaky_relu', run: leakyRelu, fields: { slope: 0.25 }, kink: 'zero' },
  { op: 'tanh', run: tanh },
  { op: 'sigmoid', run: sigmoid }
]

function activationCases(shape: Shape, options: SlotOptions): OpCase[] {
  const numbers = slot(shape, options)
  return activations.flatMap(({ op, run, fields = {}, kink }) => {
    const forward = {
      run,
      fields,
      inputs: { x: numbers },
      shapes: { y: shape },
      differences: options.dtype === 'f32',
      ...(kink && { kink })
    }
    const backward = {
      op: `${op}_backward`,
      fields,
      inputs: { y: fromForward(shape, options), dy: numbers },
      outputs: { dx: numbers },
      forward
    }
    return [
      opCase({ op, fields, inputs: { x: numbers }, outputs: { y: numbers } }),
      opCase({ op, fields, inputs: { x: numbers }, outputs: { y: numbers }, alias: { y: 'x' } }),
      opCase(backward),
      opCase({ ...backward, alias: { dx: 'dy' } })
    ]
  })
}

function addCases(shape: Shape, options: SlotOptions): OpCase[] {
  const numbers = slot(shape, options)
  const sum = { op: 'add', inputs: { a: numbers, b: numbers }, outputs: { y: numbers } }
  return [
    opCase(sum),
    opCase({ ...sum, fields: { relu: true } }),
    opCase({ ...sum, alias: { y: 'a' } }),
    opCase({
      op: 'scale',
      fields: { factor: -0.75 },
      inputs: { x: numbers },
      outputs: { y: numbers }
    })
  ]
}

/** The input rng: two words of seed, the step, the first sample. */
function generator(step: number, firstSample: number): CaseSlot {
  const list = [0x12345678, 0x9abcdef0, step, firstSample]
  return slot([4], { dtype: 'u32', values: { kind: 'list', list } })
}

const dropouts: readonly [Fields, CaseSlot][] = [
  [{ rate: 0.5, scale: 2, purpose: 0x89abcdef }, generator(7, 0)],
  [{ rate: 0.3, scale: 1, purpose: 1 }, generator(0, 128)],
  [{ rate: 0, scale: 1, purpose: 2 }, generator(1, 0)],
  // The second of two slices of the channels, deep into a large batch.
  [{ rate: 0.5, scale: 2, purpose: 3, channels: 80, channel_offset: 43 }, generator(3, 2 ** 31)]
]

function dropoutCases(shape: Shape, options: SlotOptions): OpCase[] {
  const numbers = slot(shape, options)
  return dropouts.flatMap(([fields, rng]) => [
    opCase({ op: 'dropout', fields, inputs: { x: numbers, rng }, outputs: { y: numbers } }),
    opCase({
      op: 'dropout_backward',
      fields,
      inputs: { dy: numbers, rng },
      outputs: { dx: numbers },
      forward: {
        run: dropout,
        fields,
        inputs: { x: numbers, rng },
        shapes: { y: shape },
        differences: options.dtype === 'f32'
      }
    })
  ])
}

function fillCases(): OpCase[] {
  const shapes: readonly Shape[] = [[1], [7], [5, 13], [6, 3, 5, 5]]
  const purpose = 0xdeadbeef
  const random = floatDTypes.flatMap((dtype) =>
    shapes.flatMap((shape) => {
      const outputs = { y: slot(shape, { dtype }) }
      const rng = generator(2, 0)
      return [
        opCase({ op: 'fill_uniform', fields: { purpose }, inputs: { rng }, outputs }),
        opCase({
          op: 'fill_uniform',
          fields: { low: -3, high: 5, purpose },
          inputs: { rng },
          outputs
        }),
        opCase({ op: 'fill_normal', fields: { purpose }, inputs: { rng }, outputs }),
        opCase({
          op: 'fill_normal',
          fields: { mean: 1, std: 0.01, purpose },
          inputs: { rng },
          outputs
        })
      ]
    })
  )
  const constant = dtypes.map((dtype) =>
    opCase({
      op: 'fill',
      fields: { value: 3 },
      inputs: {},
      outputs: { y: slot([3, 5], { dtype }) }
    })
  )
  const advance = [1, 5].map((by) => {
    const rng = generator(2 ** 32 - 2, 9)
    return opCase({ op: 'advance', fields: { by }, inputs: { rng }, outputs: { rng } })
  })
  return [...random, ...constant, ...advance]
}

function softmaxCases(): OpCase[] {
  const shapes: readonly Shape[] = [
    [1, 1],
    [3, 10],
    [2, 1000],
    [5, 17]
  ]
  return floatDTypes.flatMap((dtype) =>
    shapes.flatMap((shape) => {
      const numbers = slot(shape, { dtype, values: { kind: 'normal', std: 3 } })
      return [
        opCase({ op: 'softmax', inputs: { x: numbers }, outputs: { y: numbers } }),
        opCase({
          op: 'softmax_backward',
          inputs: { y: fromForward(shape, { dtype }), dy: slot(shape, { dtype }) },
          outputs: { dx: slot(shape, { dtype }) },
          forward: {
            run: softmax,
            fields: {},
            inputs: { x: numbers },
            shapes: { y: shape },
            differences: dtype === 'f32'
          }
        })
      ]
    })
  )
}

/** Rows of activations, softmax, add, scale, dropout and fills. */
export const elementwiseCases: readonly OpCase[] = [
  ...tensors.flatMap(([shape, options]) => [
    ...activationCases(shape, options),
    ...addCases(shape, options),
    ...dropoutCases(shape, options)
  ]),
  ...softmaxCases(),
  ...fillCases()
]
