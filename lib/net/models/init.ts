import type { WeightedOptions } from '../layers/weighted.ts'

/** Initial weights from N(0, std²), and a constant bias. */
export function normalInit(std: number, bias: number): Pick<WeightedOptions, 'init' | 'biasInit'> {
  return { init: { normal: { std } }, biasInit: { constant: bias } }
}
