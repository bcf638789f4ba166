/** Which layers of a net stay as they are while the others are trained. */
// A small library of one purpose, which unknown options are named by, too.
import { closestMatch } from 'leven'
import { either, list, oneOf, type Rule, text } from '../util/check/rules.ts'
import { foreign } from '../util/foreign.ts'
import type { PlacedNode } from './fuse.ts'
import type { NetSpec } from './spec.ts'

/**
 * Which layers stay as they are while the others are trained: their names; 'features', all with weights before the
 * first dense layer; or 'all-but-head', all but the last layer with weights.
 */
export type Freeze = 'features' | 'all-but-head' | readonly string[]

/** What `freeze` must be. */
export const freezeRule: Rule = either(oneOf('features', 'all-but-head'), list(text))

/** What may be said instead of names. */
const words = ['features', 'all-but-head']

/** The layers that have weights, in order. */
function weighted({ layers }: Pick<NetSpec, 'layers'>): readonly PlacedNode[] {
  return layers.filter(({ node }) => node.hasParameters)
}

/** The name of the last layer with weights, which gives the logits; undefined for a net without weights. */
export function headOf(spec: Pick<NetSpec, 'layers'>): string | undefined {
  return weighted(spec).at(-1)?.name
}

/**
 * @returns the name, if the net has a layer of that name with weights
 * @throws Error that names the nearest one, if it has not
 */
export function layerWithWeights(
  { name: net, layers }: Pick<NetSpec, 'name' | 'layers'>,
  name: string,
  option: string
): string {
  const names = weighted({ layers }).map((layer) => layer.name)
  if (names.includes(name)) return name
  const there = layers.find((layer) => layer.name === name)
  const nearest = closestMatch(name, [...names, ...(option === 'freeze' ? words : [])], {
    maxDistance: Math.ceil(name.length / 2)
  })
  const got = there ? `'${name}', a ${there.node.kind}, which has none` : `'${foreign(name)}'`
  const hint = there || nearest === undefined ? '' : `; did you mean ${nearest}?`
  throw new Error(
    `[net] ${net}: ${option}: expected a layer with weights, one of ${names.join(', ')}, got ${got}${hint}`
  )
}

/**
 * The names of the layers that are frozen.
 * @throws Error for a layer that is not there or has no weights, and where nothing is left to train
 */
export function frozenLayers(
  spec: Pick<NetSpec, 'name' | 'layers'>,
  freeze: Freeze | undefined
): ReadonlySet<string> {
  if (freeze === undefined) return new Set()
  const names = weighted(spec).map(({ name }) => name)
  const frozen = new Set(namesOf(spec, freeze))
  if (names.some((name) => !frozen.has(name))) return frozen
  throw new Error(
    `[net] ${spec.name}: freeze: expected a layer that is left to train, got all that have weights: ` +
      `${names.join(', ')}; leave one out`
  )
}

function namesOf(spec: Pick<NetSpec, 'name' | 'layers'>, freeze: Freeze): readonly string[] {
  const all = weighted(spec)
  if (freeze === 'all-but-head') return all.slice(0, -1).map(({ name }) => name)
  if (freeze !== 'features') {
    const word = freeze.length > 1 && freeze.find((name) => words.includes(name))
    if (word) {
      throw new Error(
        `[net] ${spec.name}: freeze: expected '${word}' alone, or names of layers, got both: leave one out`
      )
    }
    return freeze.map((name) => layerWithWeights(spec, name, 'freeze'))
  }
  const dense = all.findIndex(({ node }) => node.kind === 'dense')
  if (dense > 0) return all.slice(0, dense).map(({ name }) => name)
  throw new Error(
    `[net] ${spec.name}: freeze: expected layers with weights before the first dense layer, as ` +
      `'features' are, got none: name layers, such as ${all[0]?.name}`
  )
}
