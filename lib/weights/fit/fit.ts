import type { NetDefinition } from '../../net/definition.ts'
import type { PublicTensor } from '../../net/graph/public-tensors.ts'
import { aDefinition } from '../../net/rules.ts'
import { checkArguments, checkOptions } from '../../util/check/check.ts'
import { dictionary, map, maybe, record, text } from '../../util/check/rules.ts'
import type { ArrangedTensor, ParameterPlace, WeightsFile, WeightTensor } from '../format.ts'
import { byLayer, byName, type Matches } from './match.ts'
import { isCounter } from './names.ts'
import { type Places, placesOf } from './places.ts'

/** Options of `fitWeights`. */
export interface FitWeightsOptions {
  /**
   * Names of tensors in the file by names of parameters, where they cannot be told:
   * { 'conv1.weight': 'stem.0.weight' }. Default: none.
   */
  readonly names?: Readonly<Record<string, string>>
}

/** A parameter that a tensor fills. */
export interface TakenTensor extends PublicShape {
  /** 'conv1.weight' */
  readonly parameter: string
  /** The tensor's name in the file. */
  readonly tensor: string
  /** What is done to the values, such as 'f16 to f32' or 'HWIO to OIHW'. */
  readonly how: readonly string[]
  /**
   * Reads the values, f32, row-major in the parameter's shape.
   * @throws DamagedFileError where the file is cut short or was altered
   */
  read(): Promise<Float32Array>
}

interface PublicShape {
  /** [O, C, kh, kw], [out, in] or [C]. */
  readonly shape: readonly number[]
}

/** A parameter or a tensor that was left out. */
export interface LeftOut {
  /** Its name: in the net, or in the file. */
  readonly name: string
  /** As the net, or the file, has it. */
  readonly shape: readonly number[]
  /** Why, in words. */
  readonly why: string
}

/** The last layer, where the file's has another number of classes. */
export interface OtherHead {
  /** The layer's name: 'fc8'. */
  readonly layer: string
  /** Classes of the net. */
  readonly classes: number
  /** Classes of the file. */
  readonly fileClasses: number
}

/** How a file of weights fits a net. */
export interface WeightsFit {
  /** The net's name. */
  readonly net: string
  /** The parameters that tensors fill, in the net's order. */
  readonly taken: readonly TakenTensor[]
  /** The parameters that no tensor fills, those of another head included. */
  readonly missing: readonly LeftOut[]
  /** The file's tensors that are not used. */
  readonly unused: readonly LeftOut[]
  /** The last layer, if it was left out because its classes differ, and nothing else. */
  readonly head: OtherHead | undefined
  /**
   * Reads all that are taken, one after the other, by the parameters' names.
   * @throws DamagedFileError where the file is cut short or was altered
   */
  read(): Promise<Map<string, PublicTensor>>
}

/** What `readWeights` gives. */
export const aFile = record<Pick<WeightsFile, 'path' | 'format' | 'tensors'>>(
  { path: text, format: text, tensors: map },
  { open: true, expected: 'a file, as readWeights() gives it' }
)
const options = record<FitWeightsOptions>({ names: maybe(dictionary(text)) })

/**
 * Tells which tensor of a file goes to which parameter of a net, what is left out, and why. Files of PyTorch,
 * safetensors and ONNX are matched by names: ours, and those of torchvision for `torchvision`. Files of Keras are
 * matched by kind and order of layers, files of Caffe by the layers' names. A last layer that differs in its classes
 * alone is left out, to be made anew: see `head`. Reads no values.
 *
 * @throws Error where two tensors are meant for one parameter, or `names` names what is not there
 *
 * @example
 * const fit = await fitWeights(torchvision({ classes: 10 }), await readWeights('alexnet.pth'))
 * console.log(fit.taken.length, fit.missing, fit.head)
 */
export async function fitWeights(
  definition: NetDefinition,
  file: WeightsFile,
  given: FitWeightsOptions = {}
): Promise<WeightsFit> {
  checkArguments('weights', { definition: [definition, aDefinition], file: [file, aFile] })
  checkOptions('weights', given, options)
  return fitPlaces(definition.name, await placesOf(definition), file, given)
}

function fitPlaces(
  net: string,
  { all, head: headLayer }: Places,
  file: WeightsFile,
  { names = {} }: FitWeightsOptions
): WeightsFit {
  checkNames(net, all, file, names)
  const open = all.filter(({ name }) => !Object.hasOwn(names, name))
  const found: Matches = file.layers
    ? byLayer(file.layers, file.byName ?? false, net, open)
    : byName(file, net, open)
  const meant = new Map([...found.tensors, ...Object.entries(names)])
  const taken: TakenTensor[] = []
  const missing: LeftOut[] = []
  const used = new Map<string, string | undefined>()
  let head: OtherHead | undefined
  for (const place of all) {
    const { name, shape } = place
    const tensorName = meant.get(name)
    const tensor = tensorName === undefined ? undefined : file.tensors.get(tensorName)
    if (tensorName === undefined || !tensor) {
      missing.push({ name, shape, why: found.why.get(name) ?? 'the file has no tensor for it' })
      continue
    }
    const arranged = file.arrange?.(place, tensor) ?? asItIs(tensor)
    if (String(arranged.shape) === String(shape)) {
      used.set(tensorName, undefined)
      const how = [...(tensor.dtype === 'f32' ? [] : [`${tensor.dtype} to f32`]), ...arranged.how]
      const read = () => arranged.read()
      taken.push({ parameter: name, tensor: tensorName, shape, how, read })
      continue
    }
    if (place.layer === headLayer && differsInClasses(shape, arranged.shape)) {
      const [classes = 0] = shape
      const [fileClasses = 0] = arranged.shape
      head = { layer: place.layer, classes, fileClasses }
      const why = `${fileClasses} classes in the file, ${classes} here`
      missing.push({ name, shape, why })
      used.set(tensorName, `of ${fileClasses} classes, ${name} is of ${classes}`)
      continue
    }
    const why = `expected [${shape}], got [${arranged.shape}] of ${tensorName}`
    missing.push({ name, shape, why })
    used.set(tensorName, `[${arranged.shape}] does not fit ${name} [${shape}]`)
  }
  const unused = [...file.tensors].flatMap(([name, { shape }]) => {
    if (used.has(name) && used.get(name) === undefined) return []
    return [{ name, shape, why: used.get(name) ?? unusedWhy(net, name, file) }]
  })
  const read = async () => {
    const out = new Map<string, PublicTensor>()
    for (const one of taken) out.set(one.parameter, { shape: one.shape, data: await one.read() })
    return out
  }
  return { net, taken, missing, unused, head, read }
}

function checkNames(
  net: string,
  all: readonly ParameterPlace[],
  { path, tensors }: WeightsFile,
  names: Readonly<Record<string, string>>
): void {
  for (const [parameter, tensor] of Object.entries(names)) {
    if (!all.some(({ name }) => name === parameter)) {
      const known = all.map(({ name }) => name).join(', ')
      throw new Error(`[weights] names: expected parameters of ${net} (${known}), got ${parameter}`)
    }
    if (!tensors.has(tensor)) {
      throw new Error(`[weights] names: expected tensors of ${path}, got ${tensor}`)
    }
  }
}

const asItIs = ({ shape, read }: WeightTensor): ArrangedTensor => ({ shape, how: [], read })

/** Whether shapes differ in their first axis alone: [classes, in] or [classes]. */
function differsInClasses(one: readonly number[], other: readonly number[]): boolean {
  return one[0] !== other[0] && String(one.slice(1)) === String(other.slice(1))
}

function unusedWhy(net: string, name: string, { layers }: WeightsFile): string {
  if (isCounter(name)) return 'a counter of batches, which is not needed'
  return layers ? `no layer of ${net} was matched with its layer` : `${net} has no such parameter`
}
