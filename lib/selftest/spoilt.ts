/** Rows with a NaN or an infinity among their inputs, and how their outputs are judged. */
import { elements } from '../native/layout.ts'
import { type CaseOptions, type OpCase, opCase, type Tolerance } from './case.ts'
import { type Comparison, compare } from './compare.ts'
import type { Dense } from './reference/index.ts'

/** Sums in which a number may become NaN beside one that is: padding times NaN, and the transforms of Winograd. */
const spreading: ReadonlySet<string> = new Set([
  'conv2d',
  'conv2d_backward_data',
  'conv2d_backward_weights',
  'dense',
  'dense_backward_data',
  'dense_backward_weights',
  'batch_norm',
  'batch_norm_backward',
  'batch_norm_inference',
  'batch_norm_moments',
  'batch_norm_combine',
  'batch_norm_backward_sums',
  'batch_norm_backward_shared',
  'resize'
])

/** Numbers of one element that tune an op instead of passing through it. */
const settings: ReadonlySet<string> = new Set(['hyper', 'scale', 'smoothing', 'decay'])

/** True if an input of the row has a NaN or an infinity put in. */
export function isSpoilt({ inputs }: Pick<OpCase, 'inputs'>): boolean {
  return Object.values(inputs).some(({ spoilt }) => spoilt !== undefined)
}

/**
 * Makes rows with a NaN in each input of floats: of the smallest rows of each op, one for each dtype, layout and set of
 * switches. One layout of each is tried with infinities, too.
 */
export function spoiltCases(rows: readonly OpCase[]): OpCase[] {
  const chosen = new Map<string, OpCase>()
  const sizeOf = ({ inputs, outputs, forward }: CaseOptions) =>
    Object.values({ ...forward?.inputs, ...inputs, ...outputs }).reduce(
      (sum, { shape }) => sum + elements(shape),
      0
    )
  for (const row of rows) {
    const size = sizeOf(row)
    if (size > 40_000 || size < 12) continue
    const key = keyOf(row)
    const known = chosen.get(key)
    if (!known || size < sizeOf(known)) chosen.set(key, row)
  }
  const tried = new Set<string>()
  return [...chosen.values()].flatMap((row) => {
    const { relu = false } = row.fields
    const kind = [row.op, relu, ...Object.values(row.inputs).map(({ dtype }) => dtype)].join()
    const first = tried.size < tried.add(kind).size
    return spoil(row, first ? [Number.NaN, Infinity, -Infinity] : [Number.NaN])
  })
}

/** What decides which code computes a row. */
function keyOf({ op, fields, inputs, outputs }: OpCase): string {
  const slots = Object.entries({ ...inputs, ...outputs })
  const kinds = slots.map(([name, { dtype, layout }]) => `${name} ${dtype} ${layout}`)
  const { relu = false, groups = 1, winograd = true, size = 0, beta = 0 } = fields
  const kernel = inputs.w?.shape.slice(-2) ?? []
  return [op, kinds, relu, groups !== 1, winograd, size, beta, kernel].join()
}

function spoil({ name: _, forward, ...row }: OpCase, values: readonly number[]): OpCase[] {
  const floats = Object.entries(row.inputs).filter(([name, { dtype, shape }]) => {
    return (dtype === 'f32' || dtype === 'bf16') && !(settings.has(name) && elements(shape) < 9)
  })
  return floats.flatMap(([name, slot]) =>
    values.map((spoilt) =>
      opCase({
        ...row,
        inputs: { ...row.inputs, [name]: { ...slot, spoilt } },
        ...(forward && { forward: { ...forward, differences: false } })
      })
    )
  )
}

/**
 * Compares the outputs of such a row: what is NaN in the reference must be NaN or, of an infinity, not finite; what is
 * infinite must not be finite; and finite numbers must be equal. Only sums may make more of them NaN.
 */
export function compareSpoilt(
  row: OpCase,
  actual: Dense,
  expected: Dense,
  tolerance: Tolerance
): Comparison {
  const nan = Object.values(row.inputs).some(({ spoilt }) => Number.isNaN(spoilt))
  // A power of an infinite scale may be 0 or NaN.
  const spreads = spreading.has(row.op) || (!nan && row.op.startsWith('lrn'))
  const forgiven = actual.data.map((value, i) => {
    const wanted = expected.data[i]!
    if (Number.isFinite(value)) return value
    if (Number.isFinite(wanted)) return spreads && Number.isNaN(value) ? wanted : value
    return nan && Number.isNaN(wanted) ? value : wanted
  })
  return compare({ shape: actual.shape, data: forgiven }, expected, tolerance)
}
