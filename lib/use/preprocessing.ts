/** What a run does to a picture before it is the net's input, for files that other runtimes read. */

import { resolveInput } from '../training/input/augment.ts'
import type { Preprocessing } from '../weights/onnx/preprocessing.ts'
import type { RunFacts } from './run-facts.ts'

/**
 * What a run does to a picture before it is the net's input, as `predict` does it: the centre, nothing random.
 *
 * @param facts of `readRun`
 * @throws Error where the run's data do not suit its input
 */
export function preprocessingOf(facts: RunFacts): Preprocessing {
  const { data, definition } = facts
  const { input } = definition
  const { colour: _, ...own } = facts.input ?? {}
  const recipe = resolveInput(facts.input && own, data, input)
  const { height, width, channels, fit = 'crop', filter = 'lanczos3' } = data
  const cropped = recipe.fit === 'crop'
  const crop = {
    top: Math.floor((height - input.height) / 2),
    left: Math.floor((width - input.width) / 2)
  }
  const { divide } = recipe
  return {
    image: { height, width, channels, fit, filter },
    ...(cropped && { crop }),
    mean: meanOf(
      facts,
      recipe.mean,
      cropped ? { ...crop, ...input } : { top: 0, left: 0, height, width }
    ),
    divisor: data.std.map((std) => (divide === 'std' ? std * 255 : divide))
  }
}

interface Part {
  readonly top: number
  readonly left: number
  readonly height: number
  readonly width: number
}

function meanOf(
  { data }: RunFacts,
  kind: 'channel' | 'pixel' | 'centre' | 'none',
  { top, left, height, width }: Part
): readonly number[] | Float32Array {
  const { channels, mean, meanImage } = data
  if (kind === 'none') return mean.map(() => 0)
  if (kind === 'channel' || !meanImage) return mean.map((fraction) => fraction * 255)
  return Float32Array.from({ length: channels * height * width }, (_, i) => {
    const column = left + (i % width)
    const row = top + (Math.floor(i / width) % height)
    const channel = Math.floor(i / (width * height))
    return meanImage[(row * data.width + column) * channels + channel] ?? 0
  })
}
