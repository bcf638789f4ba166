/** How far a net's results may be from PyTorch's in double precision. */
import type { Answer, Expected } from './torch.ts'

/**
 * A result x may be off by `own`·|x| + `times`·(what rounding each layer's output alone takes it off), in the 2-norm;
 * and gradients, of which those that cancel to 0 are noise of the others, by `noise` of all gradients together.
 *
 * - f32: sums of n products are off by up to √n·6e-8 of their terms, which rounding of outputs does not show: hence a
 *   large `times`. Winograd's method is off by up to 3e-5 of the largest output.
 * - bf16: what is rounded is nearly all of it. A unit within rounding of a kink (2⁻⁹, so one in some hundred) falls to
 *   either side, in each course to another one: gradients differ by some hundredths at each ReLU.
 */
const BOUNDS = {
  f32: { own: 3e-6, times: 8, noise: 5e-7 },
  winograd: { own: 4e-5, times: 32, noise: 5e-6 },
  bf16: { own: 0.01, times: 4, noise: 0.01 }
} as const

/** Nearer to a kink than this, in deviations of its layer, f32 may fall to the other side of it. */
const KINK = { f32: 3e-6, winograd: 5e-5, bf16: 0 } as const
/** One unit on the other side changes a gradient by some hundredths. */
const KINKED = 0.15

export type Precision = keyof typeof BOUNDS

const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0))

function distance(found: Float32Array | undefined, exact: Float32Array): number {
  if (found?.length !== exact.length) return Number.NaN
  return Math.sqrt(exact.reduce((sum, value, i) => sum + (value - (found[i] ?? 0)) ** 2, 0))
}

/** True for what depends on which side of a kink a unit falls. */
const dependsOnKinks = (name: string) => !['probabilities', 'evaluation'].includes(name)

/** What differs more than it may: a line each. */
export function differences(
  found: ReadonlyMap<string, Float32Array>,
  { expected, nearest }: Answer,
  precision: Precision
): string[] {
  const { own, times, noise } = BOUNDS[precision]
  const kinked = nearest < KINK[precision]
  const all = (prefix: string) => {
    const parts = [...expected].filter(([name]) => name.startsWith(prefix))
    return Math.hypot(...parts.map(([, { exact }]) => norm(exact)))
  }
  const whole = { 'g/': all('g/'), 'w/': all('w/') }
  const boundOf = (name: string, { exact, off }: Expected) => {
    const prefix = name.slice(0, 2)
    const size = prefix === 'g/' || prefix === 'w/' ? whole[prefix] : norm(exact)
    const loose = kinked && dependsOnKinks(name) ? KINKED * size : 0
    return own * norm(exact) + times * norm(off) + noise * size + loose + 1e-7
  }
  return [...expected].flatMap(([name, one]) => {
    const error = distance(found.get(name), one.exact)
    const bound = boundOf(name, one)
    if (error <= bound) return []
    const [e, b, n] = [error, bound, norm(one.exact)].map((value) => value.toExponential(1))
    return [`${name} of norm ${n} is ${e} off, of ${b}`]
  })
}
