/** Generates a row's inputs and computes its expected outputs. */
import { type DType, isFloat, roundTo } from '../native/dtype.ts'
import { elements } from '../native/layout.ts'
import { philox } from '../util/philox.ts'
import { fnv1a, toUniform } from '../util/random.ts'
import type { CaseSlot, CaseSlots, OpCase, Values } from './case.ts'
import { type Data, type Dense, reference } from './reference/index.ts'

/** The inputs of a row and of its forward run. */
export interface CaseInputs {
  readonly inputs: Record<string, Dense>
  readonly forward: Record<string, Dense>
}

/** Makes the inputs of a row, rounded to the slots' dtypes: the same numbers at each call. */
export function makeInputs(row: OpCase): CaseInputs {
  const forward = make(row.name, row.forward?.inputs ?? {}, {})
  const { run, fields = {}, shapes = {} } = row.forward ?? {}
  // The forward run may be slow, and often the row reads only its inputs.
  const wanted = Object.entries(row.inputs).some(
    ([name, { values }]) => values.kind === 'forward' && name in shapes
  )
  const outputs = run && wanted ? run(fields, forward, shapes) : {}
  const inputs = make(row.name, row.inputs, { ...forward, ...outputs })
  return { inputs, forward: { ...inputs, ...forward } }
}

/** The reference's outputs of a row, not rounded. */
export function expectedOutputs(row: OpCase, inputs: Record<string, Dense>): Record<string, Dense> {
  const shapes = Object.entries(row.outputs).map(([name, { shape }]) => [name, shape] as const)
  return reference(row.op)(row.fields, inputs, Object.fromEntries(shapes))
}

function make(seed: string, slots: CaseSlots, known: Record<string, Dense>): Record<string, Dense> {
  const tensors: Record<string, Dense> = {}
  for (const [name, slot] of Object.entries(slots)) {
    const { shape, dtype, values, spoilt } = slot
    const source = values.kind === 'forward' ? known[name]?.data : undefined
    if (values.kind === 'forward' && !source) {
      throw new Error(`[selftest] expected ${name} from the forward run of ${seed}`)
    }
    const data = store(source ?? draw(values, slot, fnv1a(seed), fnv1a(name)), dtype)
    if (spoilt !== undefined) data[Math.floor(data.length / 2)] = spoilt
    tensors[name] = { shape, data }
  }
  return tensors
}

/** Rounds numbers to a dtype. */
function store(numbers: ArrayLike<number>, dtype: DType): Data {
  const rounded = roundTo(numbers, dtype)
  if (dtype === 'u32') return Uint32Array.from(rounded)
  return isFloat(dtype) ? rounded : Int32Array.from(rounded)
}

function draw(values: Values, slot: CaseSlot, seed: number, purpose: number): Float64Array {
  const numbers = new Float64Array(elements(slot.shape))
  return numbers.map((_, i) => element(values, i, philox([i, 0, 0, purpose], [seed, 0])))
}

function element(values: Values, i: number, [a, b]: readonly [number, number, ...number[]]) {
  switch (values.kind) {
    case 'normal': {
      const radius = Math.sqrt(-2 * Math.log(toUniform(a) + 2 ** -24))
      const number = radius * Math.cos(2 * Math.PI * toUniform(b))
      return (values.mean ?? 0) + (values.std ?? 1) * number
    }
    case 'uniform':
      return values.low + (values.high - values.low) * toUniform(a)
    case 'integers':
      return values.low + Math.floor((values.high - values.low + 1) * toUniform(a))
    case 'list':
      return values.list[i % values.list.length] ?? 0
    case 'forward':
      return 0
  }
}
