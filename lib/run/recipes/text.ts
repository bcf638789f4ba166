import type { NetDefinition } from '../../net/definition.ts'
import type { LayerOptions } from '../../net/layer.ts'
import { netByName } from '../../net/models/index.ts'
import type { InputRecipe } from '../../training/input/augment.ts'
import { type Ablation, ablations } from './ablation.ts'
import type { ByKind, ExpectedErrors, KnownSpeed, RateCourse, Recipe } from './recipe.ts'

/** One line of a recipe, for people. */
export interface Row {
  readonly name: string
  readonly value: string
}

/** Describes a recipe in rows, in reading order. */
export function rowsOf(recipe: Recipe): Row[] {
  const { title, sources, photos, batch, epochs, steps, update } = recipe
  const { rates, decay, expected } = recipe
  const { layers = {}, ...rest } = rates
  const net = definitionOf(recipe)
  const { channels, height, width } = net.input
  const rows: (Row | undefined)[] = [
    { name: 'what', value: title },
    ...withoutRows(recipe),
    { name: 'source', value: sources.join('\n') },
    { name: 'net', value: `${net.name}, ${channels}×${height}×${width}` },
    ...stages(net),
    { name: 'batch', value: `${batch} images` },
    { name: 'draws', value: samplingText(recipe) },
    { name: 'length', value: steps === undefined ? `${epochs} epochs` : `${steps} steps` },
    { name: 'update', value: updateText(update) },
    { name: 'rate', value: ratesText(rest) },
    ...Object.entries(layers).map(([layer, own]) => ({
      name: `rate ${layer}`,
      value: ratesText(own)
    })),
    { name: 'decay', value: `λ = ${kinds(decay, String)}` },
    photos && { name: 'photos', value: photosText(photos) },
    ...inputRows(recipe.input),
    { name: 'test', value: testText(recipe) },
    { name: 'expected', value: expected.map(expectedText).join('\n') || 'not known' },
    recipe.speeds && { name: 'speed', value: recipe.speeds.map(speedText).join('\n') },
    recipe.differs.length > 0 ? { name: 'differs', value: recipe.differs.join('\n') } : undefined
  ]
  return rows.filter((row) => row !== undefined)
}

/** The net of a recipe, for ImageNet. */
export function definitionOf({ net }: Recipe): NetDefinition {
  return netByName(net.name, net.options)
}

/** Rows that differ between two recipes. */
export function differences(
  a: Recipe,
  b: Recipe
): { readonly name: string; readonly a: string; readonly b: string }[] {
  const left = rowsOf(a)
  const right = new Map(rowsOf(b).map(({ name, value }) => [name, value]))
  const known = new Set(left.map(({ name }) => name))
  const added = [...right].filter(([name]) => !known.has(name))
  const rows = [
    ...left.map(({ name, value }) => ({ name, a: value, b: right.get(name) ?? '–' })),
    ...added.map(([name, value]) => ({ name, a: '–', b: value }))
  ]
  return rows.filter((row) => row.a !== row.b)
}

function withoutRows({ without = [] }: Recipe): Row[] {
  const known: Readonly<Record<string, Ablation>> = ablations
  return without.map((name) => {
    const { title = '', claim } = known[name] ?? {}
    return { name: `ablation ${name}`, value: claim ? `${title}\nthe paper on ${claim}` : title }
  })
}

/** Layers: a row starts at each layer that has weights, or that splits or joins towers. */
function stages(net: NetDefinition): Row[] {
  const rows: { name: string; parts: string[] }[] = []
  for (const { name, node } of net.layers) {
    const begins = ['conv2d', 'dense', 'slice', 'concat'].includes(node.kind)
    const text = layerText(node.kind, node.config)
    if (begins || rows.length === 0) rows.push({ name, parts: [text] })
    else if (text) rows.at(-1)?.parts.push(text)
  }
  return rows.map(({ name, parts }) => ({ name, value: parts.join(' → ') }))
}

function layerText(kind: string, config: LayerOptions): string {
  const all: Readonly<Record<string, unknown>> = Object.fromEntries(Object.entries(config))
  const has = (name: string, usual: unknown = 0) => all[name] !== undefined && all[name] !== usual
  const start = `${initText(all.init)}, ${biasText(all.biasInit)}`
  const groups = has('groups', 1) ? `, ${all.groups} groups` : ''
  const alpha = all.alphaOf === 'mean' ? 'of the mean' : 'of the sum'
  const curve = `k ${all.k ?? 2}, α ${number(Number(all.alpha ?? 1e-4))} ${alpha}, β ${all.beta ?? 0.75}`
  const size = all.size ?? 5
  const stride = has('stride', 1) ? ` stride ${all.stride}` : ''
  const padding = has('padding') ? ` pad ${all.padding}` : ''
  const scaled =
    all.scaleAt === 'test' ? `×${1 - Number(all.rate)} in the test` : 'scaled in training'
  switch (kind) {
    case 'conv2d':
      return `${all.filters} of ${size}×${size}${stride}${padding}${groups}, ${start}`
    case 'dense':
      return `${all.units} units, ${start}`
    case 'lrn':
      return `LRN over ${size}: ${curve}${groups}`
    case 'lrn_within':
      return `norm within maps ${size}×${size}: ${curve}`
    case 'max_pool':
      return `max ${size}×${size}${all.stride === undefined ? '' : ` stride ${all.stride}`}`
    case 'dropout':
      return all.rate === 0 ? '' : `dropout ${all.rate}, ${scaled}`
    case 'slice':
      return `maps ${all.from} to ${Number(all.from) + Number(all.count) - 1} of conv5`
    case 'concat':
      return 'both towers'
    case 'relu':
      return 'ReLU'
    case 'flatten':
      return ''
    default:
      return kind
  }
}

function initText(init: unknown): string {
  const std = field(field(init, 'normal'), 'std')
  if (std !== undefined) return `σ ${std}`
  return init === 'pytorch' ? "PyTorch's start" : String(init ?? 'he')
}

function biasText(init: unknown): string {
  if (init === 'pytorch') return "PyTorch's biases"
  const std = field(field(init, 'normal'), 'std')
  if (std !== undefined) return `bias σ ${std}`
  return `bias ${field(init, 'constant') ?? 0}`
}

function field(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null
    ? Object.entries(of).find(([key]) => key === name)?.[1]
    : undefined
}

function updateText(update: Recipe['update']): string {
  if (update.form === 'adam') return `Adam: β₁ ${update.beta1}, β₂ ${update.beta2}`
  const { form, momentum } = update
  if (momentum === 0) return 'w ← w − ε·(g + λ·w)'
  return form === 'paper'
    ? `v ← ${momentum} v − λ·ε·w − ε·g, w ← w + v`
    : `v ← ${momentum} v + g + λ·w, w ← w − ε·v`
}

function samplingText({ sampling = { form: 'permutation' }, skip = 0, batch }: Recipe): string {
  const without = skip === 0 ? '' : `, without the first ${skip} images`
  if (sampling.form === 'replacement') {
    const { group } = sampling
    const cut = group > batch ? `, shuffled, for ${Math.ceil(group / batch)} steps` : ''
    return `${group} images at a time, with replacement${cut}${without}`
  }
  const across = sampling.across ? ', in batches across the end of epochs' : ''
  return `every image once an epoch${across}${without}`
}

function testText({ input, test: { views, images } }: Recipe): string {
  const whole = input.fit === 'resize' ? 'whole images' : 'the centre crop'
  const what = views === 10 ? 'the mean softmax of ten views' : whole
  return images === undefined ? what : `${what}, the first ${images}`
}

/** A value for weights and biases; one text if both are the same. */
function kinds<T>({ weight, bias }: ByKind<T>, text: (value: T) => string): string {
  const [weights, biases] = [text(weight), text(bias)]
  return weights === biases ? weights : `${weights}; biases ${biases}`
}

function ratesText(rates: ByKind<RateCourse>): string {
  return `ε = ${kinds(rates, courseText)}`
}

function courseText({ rate, changes = [], plateau }: RateCourse): string {
  const at = changes.map((change) => `${number(change.rate)} from epoch ${change.epoch}`)
  const drop = plateau && `×${plateau.factor} when validation stalls, ${plateau.drops} times`
  return [number(rate), ...at, ...(drop ? [drop] : [])].join(', ')
}

/** With four digits at most. */
function number(value: number): string {
  return String(Number(value.toPrecision(4)))
}

function photosText({ form, size, channels }: NonNullable<Recipe['photos']>): string {
  const how =
    form === 'crop' ? `short side to ${size}, then the centre` : `warped to ${size}×${size}`
  return `${how}; ${channels}`
}

function inputRows({
  fit,
  flip,
  offsets,
  shared,
  mean = 'channel',
  divide,
  colour
}: InputRecipe): Row[] {
  const places = offsets === undefined ? 'any place' : `${offsets} places a side`
  const draws = shared === undefined ? 'drawn for each image' : `one draw for ${shared} images`
  const means = {
    channel: 'the mean of each channel',
    pixel: "the mean image, at the crop's place",
    centre: "the mean image's centre crop",
    none: ''
  } as const
  const usual = mean === 'channel' ? 'std' : 1
  const by = divide ?? usual
  const divided = by === 'std' ? 'divided by its deviation' : by === 1 ? '' : `divided by ${by}`
  const minus = mean === 'none' ? '' : `minus ${means[mean]}`
  return [
    {
      name: 'crop',
      value: `${fit === 'resize' ? 'resized' : places}${flip ? ', mirrored or not' : ''}; ${draws}`
    },
    {
      name: 'mean',
      value: [minus, divided].filter((part) => part !== '').join(', ')
    },
    { name: 'colour', value: colour ? colourText(colour) : 'no noise' }
  ]
}

function colourText({ form, sigma, divide, until }: NonNullable<InputRecipe['colour']>): string {
  const times = form === 'eigenvalue' ? 'eigenvalue' : 'standard deviation'
  const after = divide === undefined ? '' : `, then divided by ${divide}`
  const end = until === undefined ? '' : `; off from epoch ${until}`
  return `α ~ N(0, ${sigma}) × ${times} along each component${after}${end}`
}

function expectedText({ on, views, top1, top5, source }: ExpectedErrors): string {
  const percent = (error: number) => (100 * error).toFixed(2)
  const how = views === 10 ? 'ten views' : 'centre'
  return `${percent(top1)} / ${percent(top5)} % on ${on}, ${how} (${source})`
}

function speedText({ on, batch, imagesPerSecond: [least, most] }: KnownSpeed): string {
  const range = least === most ? `${least}` : `${Math.round(least)} to ${Math.round(most)}`
  return `${range} images/s (${on}, batches of ${batch})`
}
