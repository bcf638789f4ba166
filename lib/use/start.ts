/** What a new run starts from: weights in a file, and what is known of the images that they were trained on. */
import { existsSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Dataset, ImageSet } from '../data/dataset.ts'
import type { NetDefinition } from '../net/definition.ts'
import { headOf } from '../net/freeze.ts'
import { suitInput } from '../run/recipes/input.ts'
import { torchvision } from '../run/recipes/torchvision.ts'
import { type LayerAnew, type LayerFit, layerFit } from '../run/take-weights.ts'
import type { InputRecipe } from '../training/input/augment.ts'
import { factsOf } from '../training/input/input-facts.ts'
import { PlainError } from '../util/foreign.ts'
import { someOf } from '../util/words.ts'
import { fitWeights } from '../weights/fit/fit.ts'
import type { WeightsFile } from '../weights/format.ts'
import { readWeights } from '../weights/read.ts'
import { readRun } from './run-facts.ts'

/** Statistics of the images that weights were trained on. */
export interface Statistics
  extends Pick<ImageSet, 'height' | 'width' | 'mean' | 'std' | 'meanImage' | 'fit' | 'filter'> {}

/** What a run starts from. */
export interface Start {
  /** The file, or the run's folder, as it was named. */
  readonly path: string
  readonly file: WeightsFile
  /** Whose weights they are, for people: 'the run in runs/a', 'torchvision'; undefined: not known. */
  readonly of: string | undefined
  /** Of a run: the names of its classes. */
  readonly classes?: readonly string[]
  /** How images became the net's input, if that is known and not the default. */
  readonly input?: InputRecipe | undefined
  readonly statistics?: Statistics
}

/** The mean and deviation that torchvision's weights were trained with. Source: transforms/_presets.py. */
const imageNet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const

/**
 * Opens what a run is to start from. Reads no weights.
 *
 * @param path a file of weights, or a run's folder
 * @param net the name of the net that they are for
 * @throws RunError for a folder that holds no run
 * @throws DamagedFileError for a file of no known format, or a damaged one
 * @throws DiskError if it is missing or cannot be read
 */
export async function openStart(path: string, net: string): Promise<Start> {
  const folder = runOf(path)
  if (folder === undefined) {
    const file = await readWeights(path)
    if (net !== torchvision.net.name || !isTorchvision(file)) return { path, file, of: undefined }
    const { size: side = 256, filter = 'bilinear' } = torchvision.photos ?? {}
    const photos = { height: side, width: side, fit: 'crop', filter } as const
    const statistics = { ...imageNet, ...photos }
    return { path, file, of: 'torchvision', input: torchvision.input, statistics }
  }
  const { data, input, weights } = await readRun(folder)
  const file = await readWeights(folder === path ? weights : path)
  const { name, channels: _, classes, ...statistics } = data
  return { path, file, of: `the run in ${folder}, on ${name}`, classes, input, statistics }
}

/** The folder of the run that a path names, or that a file of weights is in. */
function runOf(path: string): string | undefined {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
  if (isFolder) return path
  const own = dirname(path)
  const places = [own, ...(/^checkpoint-\d+$/.test(basename(own)) ? [dirname(own)] : [])]
  return places.find((folder) => existsSync(join(folder, 'options.json')))
}

/** True for the names of torchvision's alexnet, perhaps behind a prefix. */
function isTorchvision({ tensors }: WeightsFile): boolean {
  const names = [...tensors.keys()]
  return ['features.0.weight', 'classifier.6.weight'].every((end) =>
    names.some((name) => name === end || name.endsWith(`.${end}`))
  )
}

/**
 * Tells which layers a run's net takes. The last layer is made anew if its classes are others, also if there are as
 * many.
 *
 * @param classes names of the net's classes
 * @throws PlainError if no layer fits, or one that is frozen does not
 */
export async function fitStart(
  { path, file, classes: known }: Start,
  definition: NetDefinition,
  classes: readonly string[],
  frozen: ReadonlySet<string>
): Promise<LayerFit> {
  const head = headOf(definition)
  const others = known !== undefined && String(known) !== String(classes)
  const why = `the classes are others: ${someOf(known ?? [])} there, ${someOf(classes)} here`
  const without: LayerAnew | undefined =
    others && head !== undefined ? { layer: head, why } : undefined
  const found = layerFit(await fitWeights(definition, file), without)
  const { layers, anew } = found
  const reasons = anew.filter(({ layer }) => layer !== without?.layer)
  if (layers.length === 0) {
    throw new PlainError(
      `[train] ${path}: expected weights that fit ${definition.name}, got those of another net: ` +
        `${reasons.slice(0, 2).map(told).join('; ') || 'only its last layer fits'}. ` +
        'alexnode summary --weights tells what the file holds, and which nets it fits'
    )
  }
  const random = anew.filter(({ layer }) => frozen.has(layer))
  if (random.length > 0) {
    throw new PlainError(
      `[train] freeze: expected layers whose weights are taken from ${path}, got ` +
        `${random.map(told).join('; ')}: do not freeze what starts anew`
    )
  }
  return found
}

const told = ({ layer, why }: LayerAnew) => `${layer}: ${why}`

/** A data set as the net of a start takes it, and what is left of the start's input. */
export interface StartData {
  readonly data: Dataset
  readonly input?: InputRecipe
  /** Notes for people, a sentence each. */
  readonly notes: readonly string[]
}

/**
 * Gives a data set the statistics of the images that the weights were trained on, and suits their input to it.
 * @param size rows and columns of the net's input
 */
export function startData(
  { statistics, input }: Pick<Start, 'statistics' | 'input'>,
  data: Dataset,
  size: { readonly height: number; readonly width: number }
): StartData {
  const { train } = data
  if (!statistics || statistics.mean.length !== train.channels) {
    const notes = statistics
      ? ['The images have other channels: they are normed by their own mean.']
      : []
    return { data, notes }
  }
  const normed = withStatistics(data, statistics)
  if (!input) return { data: normed, notes: [] }
  const { colour: _, ...still } = input
  const suited = suitInput({ input: still, epochs: 1 }, normed.train, size)
  return { data: normed, input: suited.input, notes: suited.notes }
}

/** The data set with the mean and deviation of other images; their mean image, too, if it has the images' size. */
export function withStatistics(data: Dataset, statistics: Statistics): Dataset {
  const { mean, std, meanImage, height, width } = statistics
  const of = (set: ImageSet): ImageSet => {
    const load = set.load?.bind(set)
    const digest = set.digest?.bind(set)
    const image =
      meanImage && set.height === height && set.width === width ? meanImage : set.meanImage
    return {
      ...factsOf(set),
      mean,
      std,
      ...(image && { meanImage: image }),
      read: (indices, images, labels) => set.read(indices, images, labels),
      ...(load && { load }),
      ...(digest && { digest })
    }
  }
  const train = of(data.train)
  return { ...data, mean, std, train, test: data.test === data.train ? train : of(data.test) }
}
