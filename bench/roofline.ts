/**
 * How long a step must take on a GPU at least: the sum over an ideal net's kernels of max(FLOP / rate, bytes /
 * bandwidth). In it ReLU, dropout, bias and loss cost nothing, and LRN is one kernel with the pool behind it;
 * convolutions and dense layers are a kernel a pass, and all parameters are updated by one. Convolutions that
 * multiply less than their definition, such as Winograd's, may pass below it.
 */

import { open } from '../lib/engine/device.ts'
import { elements } from '../lib/native/layout.ts'
import type { NetDefinition } from '../lib/net/definition.ts'

/** How numbers are multiplied: 16-bit formats, f32 rounded to TF32, and f32. */
export type Precision = 'bf16' | 'tf32' | 'f32'

/** What a GPU can do a second. */
export interface Rates {
  readonly flop: Readonly<Record<Precision, number>>
  readonly bytes: number
}

/**
 * bf16 and memory were measured on one H200, not by this project, which has met no GPU. TF32's rate is half of
 * bf16's, as in NVIDIA's data sheet; f32's, and the H100's memory as a share of the H200's, are from there alone.
 */
const h200: Rates = { flop: { bf16: 790e12, tf32: 395e12, f32: 67e12 }, bytes: 4.3e12 }
const h100: Rates = { ...h200, bytes: (h200.bytes * 3.35) / 4.8 }

/** Undefined for a GPU that this does not know. */
export function ratesOf(gpu: string): Rates | undefined {
  if (/\bH200\b/.test(gpu)) return h200
  return /\bH100 80GB HBM3/.test(gpu) ? h100 : undefined
}

export interface Work {
  readonly batch: number
  readonly mode: 'train' | 'infer'
  readonly precision: Precision
}

/** A function from what is to be done to the milliseconds that it takes at least. */
export async function floorOf(definition: NetDefinition) {
  await using device = await open('cpu')
  const draft = await definition.draft(device, { batch: 1, training: false })
  const { layers } = draft
  await draft.close()
  const { channels, height, width } = definition.input

  return ({ batch, mode, precision }: Work, rates: Rates): number => {
    const training = mode === 'train'
    const size = precision === 'bf16' ? 2 : 4
    let seconds = 0
    const kernel = (bytes: number, macs = 0) => {
      seconds += Math.max((2 * macs) / rates.flop[precision], bytes / rates.bytes)
    }
    let x = batch * channels * height * width
    let behindLrn = false
    let first = true
    for (const { kind, output, parameters, macs } of layers) {
      const y = batch * elements(output)
      if (macs > 0) {
        const pass = size * (x + y + parameters)
        kernel(pass, batch * macs)
        // Gradients of weights are f32; the first layer's input needs none.
        if (training) kernel(size * (x + y) + 4 * parameters, batch * macs)
        if (training && !first) kernel(pass, batch * macs)
        first = false
      } else if (kind === 'lrn') behindLrn = true
      else if (/pool/.test(kind)) {
        // A byte tells the winner; LRN reads its input again.
        const winner = training ? y : 0
        kernel(size * (x + y) + winner)
        if (training) kernel(size * (x + y + (behindLrn ? x : 0)) + winner)
        behindLrn = false
      }
      x = y
    }
    // Weight and velocity read and written, gradient read, and a 16-bit copy written.
    const weights = layers.reduce((sum, { parameters }) => sum + parameters, 0)
    if (training) kernel(weights * (20 + (size === 2 ? 2 : 0)))
    return 1000 * seconds
  }
}
