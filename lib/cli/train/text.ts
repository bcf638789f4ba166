/** What training prints about data, net, run and result. */
import type { Dataset } from '../../data/dataset.ts'
import type { Net } from '../../net/net.ts'
import type { TrainSettings } from '../../run/settings.ts'
import type { TrainingRun } from '../../run/training-run.ts'
import type { Evaluation } from '../../training/evaluate/evaluate.ts'
import type { Step } from '../../training/train.ts'
import { foreign } from '../../util/foreign.ts'
import {
  count,
  counted,
  duration,
  fraction,
  imageSize,
  notFiniteText,
  short
} from '../shared/format.ts'
import { frozenText, layerTable, planText, totals } from '../shared/net-text.ts'
import { entry, onePiece } from '../shared/text.ts'
import type { Begun } from './start.ts'

/** Names the data set, its source and its size. */
export function dataText({ name, source, train, test, classes }: Dataset): string {
  const images = `${count(train.length)} + ${count(test.length)} images of ${imageSize(train)}`
  return entry('Data', `${foreign(name)}, ${foreign(source)}\n${images}, ${classes.length} classes`)
}

/** The net's layers and memory. */
export async function netText({ definition, layers, batch, plan }: Net): Promise<string> {
  const { channels, height, width } = definition.input
  const { parameters, macs } = totals(layers)
  const input = `${channels}×${height}×${width} in batches of ${batch}`
  const size = `${count(parameters)} parameters, ${short(macs)} MACs an image`
  const head = entry('Net', `${definition.name}: ${input}, ${size}`)
  return [head, await layerTable(layers), ...frozenText(layers), planText(plan)].join('\n')
}

/** Which weights a run starts from, which layers begin anew, and why. */
export function startText({ start, taken, normed }: Begun): string {
  const { path, of, file } = start
  const { layers, anew, unused } = taken
  const whose = of === undefined ? `${file.format} in ${onePiece(path)}` : foreign(of)
  const known = path === file.path || of === undefined ? '' : ` (${onePiece(file.path)})`
  const lines = [
    `${whose}${known}`,
    `${counted(layers.length, 'layer', 'layers')} taken: ${layers.join(', ')}`,
    ...anew.map(({ layer, why }) => `${layer} begins anew: ${foreign(why)}`),
    ...(unused.length === 0
      ? []
      : [`not used: ${unused.map(({ name }) => foreign(name)).join(', ')}`]),
    ...(normed ? ['images are normed as those that it was trained on'] : [])
  ]
  return entry('Start', lines.join('\n'))
}

/** How the run trains, and where it is kept. */
export function runText(run: TrainingRun, notes: readonly string[]): string {
  const { settings, folder, step } = run
  const { recipe, ablate } = settings
  const lines: string[] = []
  if (recipe !== undefined) {
    const without = ablate === undefined ? '' : `, ${ablate.split(',').join(', ')}`
    lines.push(entry('Recipe', [`${recipe}${without}`, ...notes].join('\n')))
  }
  const updates = updatesText(settings)
  const kept = `kept in ${onePiece(folder)}${step > 0 ? `, resumed after step ${step}` : ''}`
  const training = [optimizerText(run), ...(updates === '' ? [] : [updates]), kept]
  return [...lines, entry('Training', training.join('\n'))].join('\n')
}

function optimizerText({ settings, from }: TrainingRun): string {
  const { optimizer, lr, momentum, beta2, weightDecay, schedule, seed } = settings
  const name =
    optimizer === 'sgd' ? `SGD: momentum ${momentum}` : `Adam: β₁ ${momentum}, β₂ ${beta2}`
  const changed = from?.state.rates?.at(-1)
  const now = changed ? `, from step ${changed.step} on ${changed.lr}` : ''
  return `${name}, rate ${lr} (${schedule})${now}, decay ${weightDecay}, seed ${seed}`
}

/** Updates that are not the usual ones; empty if there are none. */
function updatesText(settings: TrainSettings): string {
  const { start, headLr, labelSmoothing, clipNorm, ema, accumulate, syncBatchNorm } = settings
  return [
    ...(start === 'even' ? ['even initial weights'] : []),
    ...(headLr === undefined ? [] : [`rate ×${headLr} for the last layer`]),
    ...(labelSmoothing === undefined ? [] : [`label smoothing ${labelSmoothing}`]),
    ...(clipNorm === undefined ? [] : [`gradients clipped at norm ${clipNorm}`]),
    ...(ema === undefined ? [] : [`weights averaged by ${ema}`]),
    ...(accumulate === undefined || accumulate === 1 ? [] : [`steps of ${accumulate} batches`]),
    ...(syncBatchNorm ? ['batch norm over all processes'] : [])
  ].join(', ')
}

/** The state of training, behind the progress bar. */
export function stepText({ loss, top1 }: Step, speed: string): string {
  const state = `loss ${loss.toFixed(3).padStart(6)}  top-1 ${fraction(top1).padStart(5)}`
  return `${state}  ${speed}`
}

interface ResultNumbers {
  readonly seconds: number
  /** Steps that were skipped. */
  readonly skipped: number
  /** Which damaged images were skipped. */
  readonly damaged: string | undefined
  /** Images that the data set has for tests. */
  readonly test: number
}

/** The result of a run, and the files that hold it. */
export function resultText(
  result: Evaluation | undefined,
  run: TrainingRun,
  { seconds, skipped, damaged, test }: ResultNumbers
): string {
  const overflows = `${counted(skipped, 'step', 'steps')}, for gradients that overflowed`
  return [
    entry('Test', testText(result, test)),
    ...(skipped > 0 ? [entry('Skipped', overflows)] : []),
    ...(damaged === undefined ? [] : [entry('Skipped', damaged)]),
    entry('Time', duration(seconds)),
    entry('Weights', onePiece(run.weightsFile)),
    entry('Log', onePiece(run.logFile))
  ].join('\n')
}

function testText(result: Evaluation | undefined, all: number): string {
  if (!result) return 'none: --no-test'
  const { top1, loss, images, notFinite } = result
  const of = images < all ? `${count(images)} of ${count(all)}` : count(images)
  return `top-1 ${fraction(top1)}, loss ${loss.toFixed(3)} on ${of} images${notFiniteText(notFinite)}`
}
