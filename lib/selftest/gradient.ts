/**
 * Finite differences: what a backward op must return, computed from the forward reference alone.
 *
 * Source: Caffe's GradientChecker. The derivative by one element is (L(x + h) - L(x - h)) / 2h in f64. Near a kink (0 of
 * a ReLU, two nearly equal maxima) there is no derivative, and the element is left out.
 */
import { elements } from '../native/layout.ts'
import { philox } from '../util/philox.ts'
import { fnv1a } from '../util/random.ts'
import type { Forward, OpCase, Tolerance } from './case.ts'
import { judge } from './compare.ts'
import type { Data, Dense } from './reference/index.ts'
import type { CaseInputs } from './values.ts'

/** Options of `finiteDifferences`. */
export interface DifferenceOptions {
  /** h. Default 1e-4. */
  readonly step?: number
  /** Elements nearer to a kink are left out; at least `step`. Default 1e-3. */
  readonly kinkRange?: number
  /** Elements of each tensor to differentiate by, drawn at random. Default 24. */
  readonly samples?: number
}

/** The derivative by one element. */
export interface Difference {
  /** The output of the backward op that has it: dx, dw … */
  readonly output: string
  /** Its place in row-major order. */
  readonly index: number
  readonly value: number
}

/** Derivatives of a row's forward run by its inputs. */
export interface Differences {
  readonly found: readonly Difference[]
  /** Number of elements that were left out near a kink. */
  readonly kinks: number
}

/**
 * Computes differences for each output of the row whose name is d + the name of a forward input.
 *
 * @throws Error if the row has no forward run
 */
export function finiteDifferences(
  row: OpCase,
  { inputs, forward }: CaseInputs,
  { step = 1e-4, kinkRange = 1e-3, samples = 24 }: DifferenceOptions = {}
): Differences {
  const { forward: pass } = row
  if (!pass) throw new Error(`[selftest] expected a row with a forward run, got ${row.name}`)
  const found: Difference[] = []
  let kinks = 0
  for (const output of Object.keys(row.outputs)) {
    const name = output.slice(1)
    const tensor = pass.inputs[name] && output.startsWith('d') ? forward[name] : undefined
    if (!tensor) continue
    for (const index of choose(elements(tensor.shape), samples, fnv1a(row.name))) {
      const at = (shift: number) => {
        const { shape, data } = moved(tensor, index, shift)
        return { ...forward, [name]: { shape, data } }
      }
      if (kinkNear(pass, tensor.data[index]!, at, kinkRange)) {
        kinks++
        continue
      }
      const above = objective(pass, at(step), inputs)
      const below = objective(pass, at(-step), inputs)
      found.push({ output, index, value: (above - below) / (2 * step) })
    }
  }
  return { found, kinks }
}

/** A difference, and what a backward op returned. */
export interface Agreement extends Difference {
  readonly actual: number
  readonly error: number
  readonly bound: number
}

/** Compares each difference with the outputs of a backward op. */
export function agreements(
  { found }: Differences,
  outputs: Readonly<Record<string, Dense>>,
  tolerance: Tolerance
): Agreement[] {
  return found.map((difference) => {
    const actual = outputs[difference.output]?.data[difference.index] ?? Number.NaN
    return { ...difference, actual, ...judge(actual, difference.value, tolerance) }
  })
}

type Inputs = Readonly<Record<string, Dense>>

/** L: the forward run's objective, by default the sum of y * dy. */
function objective(pass: Forward, given: Inputs, inputs: Inputs): number {
  const outputs = pass.run(pass.fields, given, pass.shapes)
  if (pass.objective) return pass.objective(outputs, inputs)
  const { y } = outputs
  const { dy } = inputs
  if (!y || !dy) throw new Error('[selftest] expected y from the forward run and dy for it')
  return Float64Array.from(y.data).reduce((sum, element, i) => sum + element * dy.data[i]!, 0)
}

function kinkNear(
  pass: Forward,
  value: number,
  at: (shift: number) => Inputs,
  range: number
): boolean {
  if (pass.kink === 'zero') return Math.abs(value) < range
  if (pass.kink !== 'max') return false
  const [above, below] = [range, -range].map((shift) => {
    const { index } = pass.run(pass.fields, at(shift), pass.shapes)
    return String(index?.data)
  })
  return above !== below
}

function moved({ shape, data }: Dense, index: number, shift: number): Dense {
  const copy: Data = Float64Array.from(data)
  copy[index]! += shift
  return { shape, data: copy }
}

/** Draws distinct indices below `total`, in ascending order. */
function choose(total: number, samples: number, seed: number): number[] {
  if (total <= samples) return Array.from({ length: total }, (_, i) => i)
  const places = new Set<number>()
  for (let i = 0; places.size < samples; i++) places.add(philox([i, 0, 0, 0], [seed, 1])[0] % total)
  return [...places].sort((a, b) => a - b)
}
