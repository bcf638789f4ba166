/** Which tensor of a file is meant for which parameter: by names, or by the layers that the file lists. */
import type { ParameterPlace, WeightLayer, WeightsFile } from '../format.ts'
import { commonPrefix, namesOf } from './names.ts'

/** By parameter: the name of its tensor. And what is known of those that have none. */
export interface Matches {
  readonly tensors: ReadonlyMap<string, string>
  /** By parameter: why it has none, where that is known. */
  readonly why: ReadonlyMap<string, string>
}

/**
 * Matches by names: ours, and others' that lib/weights/fit/names.ts lists. A prefix that all names of the file have is
 * left off, if no name matches with it.
 *
 * @throws Error if two tensors are meant for one parameter
 */
export function byName(
  { path, tensors }: WeightsFile,
  net: string,
  places: readonly ParameterPlace[]
): Matches {
  const prefix = commonPrefix([...tensors.keys()])
  for (const start of prefix === '' ? [''] : ['', prefix]) {
    const found = new Map<string, string>()
    for (const place of places) {
      const names = namesOf(net, place).map((name) => `${start}${name}`)
      const there = names.filter((name) => tensors.has(name))
      if (there.length > 1) {
        throw new Error(
          `[weights] ${path}: expected one tensor for ${place.name} of ${net}, got ${there.join(' and ')}; ` +
            `say which by names: { '${place.name}': '${there[0]}' }`
        )
      }
      if (there[0] !== undefined) found.set(place.name, there[0])
    }
    if (found.size > 0) return { tensors: found, why: new Map() }
  }
  return { tensors: new Map(), why: new Map() }
}

/**
 * Matches by layers: by their names if the net has all of a kind, else by order within a kind, if there are as many.
 * Anything else would be a guess.
 * @param nameAlone true to match by names and nothing else
 */
export function byLayer(
  layers: readonly WeightLayer[],
  nameAlone: boolean,
  net: string,
  places: readonly ParameterPlace[]
): Matches {
  const tensors = new Map<string, string>()
  const why = new Map<string, string>()
  const own = new Map<string, string>()
  for (const { layer, kind } of places) own.set(layer, kind)
  for (const kind of new Set([...own.values()])) {
    const ours = [...own].filter(([, other]) => other === kind).map(([name]) => name)
    const theirs = layers.filter((layer) => layer.kind === kind)
    const named = nameAlone || theirs.every(({ name }) => ours.includes(name))
    const pairs = new Map<string, WeightLayer>()
    if (theirs.length > 0 && named) for (const layer of theirs) pairs.set(layer.name, layer)
    else if (theirs.length === ours.length) {
      for (const [i, layer] of theirs.entries()) pairs.set(ours[i] ?? '', layer)
    }
    const reason =
      nameAlone && theirs.length > 0
        ? 'the file has no layer of this name and kind'
        : theirs.length === 0
          ? `the file has no layer of kind ${kind}`
          : `the file has ${theirs.length} layers of kind ${kind}, ${net} has ${ours.length}, and their names differ`
    for (const { name, layer, role } of places.filter((place) => own.get(place.layer) === kind)) {
      const pair = pairs.get(layer)
      const tensor = pair && Object.hasOwn(pair.tensors, role) ? pair.tensors[role] : undefined
      if (tensor !== undefined) tensors.set(name, tensor)
      else if (pair) why.set(name, `layer ${pair.name} of the file has no ${role}`)
      else why.set(name, reason)
    }
  }
  return { tensors, why }
}
