import type { ImageSet } from '../../data/dataset.ts'
import type { Facts } from '../../group/store/messages.ts'
import type { Net } from '../../net/net.ts'
import type { TrainOptions } from '../options.ts'

/** What must be equal on all processes of a group that train together, for them to compare. */
export function sharedOptions(net: Net, set: ImageSet, options: TrainOptions): Facts {
  const { batch, dtype, gradientDtype, syncBatchNorm } = net.draft.options
  const { optimizer, momentum, weightDecay, steps, epochs, lr, seed, accumulate } = options
  const { labelSmoothing, clipNorm, ema, lossScale, checkpoint, validation, watch, input } = options
  const shown = {
    ...{ batch, dtype, gradientDtype, syncBatchNorm },
    images: set.length,
    classes: set.classes,
    'size of images': [set.height, set.width, set.channels],
    optimizer: optimizer && [optimizer.op, optimizer.fields, optimizer.weightDecay],
    ...{ momentum, weightDecay, epochs, lr, seed, accumulate, labelSmoothing, clipNorm, ema },
    steps: typeof steps === 'function' ? 'by the pace' : steps,
    lossScale,
    'checkpoint.every': checkpoint && (checkpoint.every ?? 'by time'),
    'validation.every': validation && (validation.every ?? 'by epochs'),
    'validation.images': validation?.set.length,
    'watch.every': watch && (watch.every ?? 'usual'),
    input
  }
  return Object.fromEntries(
    Object.entries(shown).map(([name, value]) => [name, JSON.stringify(value) ?? 'none'])
  )
}
