import type { NamedNetOptions } from '../../net/models/index.ts'
import type { Recipe } from './recipe.ts'

/** An ablation: one component that is taken out of a recipe. */
export interface Ablation {
  /** What is left, for people. */
  readonly title: string
  /** What the component brings, by the paper. */
  readonly claim?: string
  /** Options of the net. */
  readonly net?: NamedNetOptions
  /** True: only for nets with two towers. */
  readonly towers?: boolean
  /** True: only for recipes with colour noise. */
  readonly colour?: boolean
  /** True: only for nets with norm layers. */
  readonly norm?: boolean
}

/** All ablations by name, as `--ablate` takes them. */
export const ablations = {
  'no-lrn': {
    title: 'no norm layers',
    claim: 'LRN: 1.4 and 1.2 percentage points less top-1 and top-5 error (section 3.3)',
    net: { norm: 'none' },
    norm: true
  },
  'pool-2x2': {
    title: 'pooling windows of 2×2, which do not overlap',
    claim: 'overlapping windows: .4 and .3 points less (section 3.4)',
    net: { pool: '2x2' }
  },
  'no-links': {
    title: 'conv3, fc6 and fc7 see their own tower alone; conv2 and fc6 are wider for it',
    net: { links: false },
    towers: true
  },
  'one-column': {
    title: 'one tower: half as wide up to conv4',
    claim: 'two towers: 1.7 and 1.2 points less (section 3.2)',
    net: { columns: 1 },
    towers: true
  },
  tanh: {
    title: 'tanh instead of ReLU',
    claim: 'ReLU: 25 % training error on CIFAR-10 about six times sooner (section 3.1)',
    net: { activation: 'tanh' }
  },
  'no-dropout': {
    title: 'nothing is dropped',
    claim:
      'dropout: without it the net overfits badly; with it training takes about twice as long (4.2)',
    net: { dropout: 0 }
  },
  'no-colour': {
    title: 'no noise on colours',
    claim: 'the noise: over 1 point less top-1 error (section 4.1)',
    colour: true
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

/** Nets with two towers. */
const towers: readonly string[] = ['alexnet', 'chm-145']

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
  const missing = ablation.towers
    ? !towers.includes(net.name) && 'is no net of two towers'
    : ablation.colour
      ? colour === undefined && 'has no noise on colours'
      : ablation.norm && net.name === 'torchvision' && 'has no norm layers'
  if (missing) throw new Error(`[recipe] ${name}: ${recipe.name} ${missing}: leave it out`)
  if (options.columns === 1 && options.links === false) {
    throw new Error('[recipe] no-links: one column has no links: leave one of the two out')
  }
  return {
    ...recipe,
    net: { ...net, options },
    input: ablation.colour ? plain : input,
    expected: gone.length === 0 ? (ablated?.[name] ?? []) : [],
    without: [...gone, name]
  }
}
