import { type NamedNetOptions, netByName } from '../../net/models/index.ts'
import type { Recipe } from './recipe.ts'

/** An ablation: one component that is taken out of a recipe. */
export interface Ablation {
  /** What is left, for people. */
  readonly title: string
  /** What the component brings, by the paper. */
  readonly claim?: string
  /** Options of the net; undefined: the ablation takes out colour noise. */
  readonly net?: NamedNetOptions
  /** What a recipe lacks that the ablation does not change. */
  readonly lacking: string
}

/** All ablations by name, as `--ablate` takes them. */
export const ablations = {
  'no-lrn': {
    title: 'no norm layers',
    claim: 'LRN: 1.4 and 1.2 percentage points less top-1 and top-5 error (section 3.3)',
    net: { norm: 'none' },
    lacking: 'has no norm layers'
  },
  'pool-2x2': {
    title: 'pooling windows of 2×2, which do not overlap',
    claim: 'overlapping windows: .4 and .3 points less (section 3.4)',
    net: { pool: '2x2' },
    lacking: 'has no windows of 3×3'
  },
  'no-links': {
    title: 'conv3, fc6 and fc7 see their own tower alone; conv2 and fc6 are wider for it',
    net: { links: false },
    lacking: 'is no net of two towers'
  },
  'one-column': {
    title: 'one tower: half as wide up to conv4',
    claim: 'two towers: 1.7 and 1.2 points less (section 3.2)',
    net: { columns: 1 },
    lacking: 'is no net of two towers'
  },
  tanh: {
    title: 'tanh instead of ReLU',
    claim: 'ReLU: 25 % training error on CIFAR-10 about six times sooner (section 3.1)',
    net: { activation: 'tanh' },
    lacking: 'has no ReLU'
  },
  'no-dropout': {
    title: 'nothing is dropped',
    claim:
      'dropout: without it the net overfits badly; with it training takes about twice as long (4.2)',
    net: { dropout: 0 },
    lacking: 'has no dropout'
  },
  'no-colour': {
    title: 'no noise on colours',
    claim: 'the noise: over 1 point less top-1 error (section 4.1)',
    lacking: 'has no noise on colours'
  }
} as const satisfies Readonly<Record<string, Ablation>>

export type AblationName = keyof typeof ablations
/** Names of all ablations. */
export const ablationNames = Object.keys(ablations)

/** Splits names that are separated by commas. */
export function ablationsIn(text: string): readonly string[] {
  return text.split(',').map((name) => name.trim())
}

function isAblation(name: string): name is AblationName {
  return Object.hasOwn(ablations, name)
}

/** The layers of a net, as text that is the same for the same net. */
function layersOf({ name }: Recipe['net'], options: NamedNetOptions): string {
  const { layers } = netByName(name, options)
  return JSON.stringify(layers.map(({ node: { kind, config } }) => [kind, config]))
}

/**
 * Takes components out of a recipe. The expected errors are those of a known run of that kind, if there is one.
 * @throws Error for a name that is not one of `ablationNames`, or that does not apply to this recipe
 */
export function ablate(recipe: Recipe, names: readonly string[]): Recipe {
  return [...new Set(names)].reduce(without, recipe)
}

function without(recipe: Recipe, name: string): Recipe {
  if (!isAblation(name)) {
    throw new Error(`[recipe] ablation: expected one of ${ablationNames.join(', ')}, got '${name}'`)
  }
  const ablation: Ablation = ablations[name]
  const { net, input, without: gone = [], ablated } = recipe
  const { colour, ...plain } = input
  const options = { ...net.options, ...ablation.net }
  if (options.columns === 1 && options.links === false) {
    throw new Error('[recipe] no-links: one column has no links: leave one of the two out')
  }
  const changes = ablation.net
    ? layersOf(net, options) !== layersOf(net, net.options)
    : colour !== undefined
  if (!changes) {
    throw new Error(`[recipe] ${name}: ${recipe.name} ${ablation.lacking}: leave it out`)
  }
  return {
    ...recipe,
    net: { ...net, options },
    input: ablation.net ? input : plain,
    expected: gone.length === 0 ? (ablated?.[name] ?? []) : [],
    without: [...gone, name]
  }
}
