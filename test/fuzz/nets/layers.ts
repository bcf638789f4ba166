/** The layers that a drawn net stands for, as data that test/fuzz/nets/nets.py reads, too. */
import { windowPadding } from '../../../lib/net/layers/window.ts'
import type { DrawnLayer, DrawnNet, LayerSpec } from './draw.ts'

type Shape = readonly number[]

/** A layer's options and the shape of its output; undefined where it does not suit its input. */
type Made = { readonly options: object; readonly shape: Shape } | undefined

const FILTERS = [1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 64]
function pick<Item>(items: readonly Item[], i: number): Item {
  const item = items[i % items.length]
  if (item === undefined) throw new Error('[fuzz] expected something to choose from')
  return item
}

/** Output of a window along an axis, as PyTorch counts it: a last one with `ceil` must begin before the border. */
function steps(
  length: number,
  size: number,
  stride: number,
  before: number,
  after: number,
  ceil: boolean
) {
  const room = length + before + after - size
  if (room < 0) return 0
  const count = (ceil ? Math.ceil(room / stride) : Math.floor(room / stride)) + 1
  return ceil && (count - 1) * stride >= length + before ? count - 1 : count
}

function conv([channels = 1, height = 0, width = 0]: Shape, { a, b, c, d }: DrawnLayer): Made {
  const filters = FILTERS[a % FILTERS.length] ?? 1
  const kernel = pick([3, 1, 2, 5, [3, 2], [1, 3], 4] as const, b)
  const stride = pick([1, 1, 2, 3, [2, 1], 1] as const, c)
  const dilation = pick([1, 1, 1, 2, [1, 2]] as const, d)
  const kinds = ['same', 'valid', 1, 2, [1, 0, 2, 1]] as const
  const padding = pick(kinds, Math.floor(b / 7) + d)
  const divisors = [1, 1, 2, 4, channels].filter((n) => channels % n === 0 && filters % n === 0)
  const groups = divisors[c % divisors.length] ?? 1
  const [size, by, apart] = [kernel, stride, dilation].map(both) as [Two, Two, Two]
  const sides = windowPadding(padding, [height, width], size, by, apart)
  const reach = [apart[0] * (size[0] - 1) + 1, apart[1] * (size[1] - 1) + 1] as const
  const rows = steps(height, reach[0], by[0], sides[0], sides[1], false)
  const columns = steps(width, reach[1], by[1], sides[2], sides[3], false)
  if (rows < 1 || columns < 1) return
  const options = { filters, size, stride: by, dilation: apart, padding: sides, groups }
  return { options: { ...options, bias: a % 4 !== 3 }, shape: [filters, rows, columns] }
}

type Two = readonly [number, number]
const both = (value: number | Two): Two => (typeof value === 'number' ? [value, value] : value)

function pool([channels = 1, height = 0, width = 0]: Shape, { a, b, c, d }: DrawnLayer): Made {
  const size = both(pick([2, 3, [3, 2], 5, [1, 2]] as const, a))
  const stride = both(pick([2, 1, 3, [2, 1]] as const, b))
  const pads = pick(
    [
      [0, 0, 0, 0],
      [0, 0, 0, 0],
      [1, 1, 1, 1],
      [0, 1, 0, 1]
    ] as const,
    c
  )
  if (Math.max(pads[0], pads[1]) >= size[0] || Math.max(pads[2], pads[3]) >= size[1]) return
  const ceil = d % 2 === 1
  const rows = steps(height, size[0], stride[0], pads[0], pads[1], ceil)
  const columns = steps(width, size[1], stride[1], pads[2], pads[3], ceil)
  if (rows < 1 || columns < 1) return
  const options = { size, stride, padding: pads, ceil, includePadding: d % 3 !== 0 }
  return { options, shape: [channels, rows, columns] }
}

function lrn(shape: Shape, { a, b, c, d }: DrawnLayer): Made {
  const [channels = 1] = shape
  const groups = [1, 2].filter((n) => channels % n === 0)
  const options = {
    size: pick([5, 3, 1], a),
    alpha: pick([1e-4, 0.01, 0.1], b),
    alphaOf: pick(['sum', 'mean'], c),
    beta: pick([0.75, 0.5, 1], d),
    k: pick([2, 1], d)
  }
  return { options: { ...options, groups: groups[c % groups.length] }, shape }
}

const KINDS = [
  ...['conv2d', 'conv2d', 'conv2d', 'conv2d', 'conv2d', 'conv3', 'conv3', 'relu', 'relu', 'relu'],
  ...['max_pool', 'avg_pool', 'lrn', 'lrn_within', 'batch_norm', 'tanh', 'sigmoid', 'leaky_relu'],
  ...['add', 'concat']
]

/** A net under construction: what was placed, and the shapes of all outputs. */
interface Placing {
  readonly net: DrawnNet
  readonly layers: LayerSpec[]
  readonly shapes: Map<string, Shape>
  last: string
}

function place(to: Placing, kind: string, made: Made, more: readonly string[] = []): void {
  if (!made) return
  const name = `l${to.layers.length}`
  to.layers.push({ kind, name, inputs: [to.last, ...more], ...made.options })
  to.shapes.set(name, made.shape)
  to.last = name
}

function addLayer(to: Placing, drawn: DrawnLayer): void {
  const shape = to.shapes.get(to.last) ?? []
  const kind = KINDS[drawn.kind % KINDS.length] ?? 'relu'
  const { a, b } = drawn
  if (kind === 'conv2d') place(to, kind, conv(shape, drawn))
  else if (kind === 'conv3') {
    // 3×3 of stride 1: what Winograd's method is for.
    place(to, 'conv2d', conv(shape, { ...drawn, b: 0, c: 0, d: 0 }))
  } else if (kind === 'max_pool' || kind === 'avg_pool') place(to, kind, pool(shape, drawn))
  else if (kind === 'lrn') place(to, kind, lrn(shape, drawn))
  else if (kind === 'lrn_within') {
    const made = lrn(shape, { ...drawn, a: drawn.a % 2 })
    const { groups: _, ...options } = { groups: 1, ...made?.options }
    place(to, kind, { options, shape })
  } else if (kind === 'batch_norm') {
    const [, height = 1, width = 1] = shape
    // Each replica normalises its own share. Over few values a variance is near 0, and its root has no accuracy.
    if (to.net.devices === 'data' || to.net.batch * height * width < 16) return
    place(to, kind, {
      options: { epsilon: pick([1e-5, 1e-3], a), momentum: pick([0.1, 0.5], b) },
      shape
    })
  } else if (kind === 'leaky_relu')
    place(to, kind, { options: { slope: pick([0.01, 0.2, 0], a) }, shape })
  else if (kind === 'add' || kind === 'concat') join(to, kind, drawn)
  else place(to, kind, { options: {}, shape })
}

/** Joins the last layer with an earlier one that suits it. */
function join(to: Placing, kind: 'add' | 'concat', { a }: DrawnLayer): void {
  const shape = to.shapes.get(to.last) ?? []
  const from = kind === 'add' ? 0 : 1
  const others = [...to.shapes].filter(
    ([name, other]) => name !== to.last && String(other.slice(from)) === String(shape.slice(from))
  )
  const [other, theirs] = others[a % Math.max(1, others.length)] ?? []
  if (other === undefined || theirs === undefined) return
  const channels = (shape[0] ?? 0) + (kind === 'add' ? 0 : (theirs[0] ?? 0))
  place(to, kind, { options: {}, shape: [channels, ...shape.slice(1)] }, [other])
}

/** The layers of a drawn net. */
export function layersOf(net: DrawnNet): readonly LayerSpec[] {
  if (net.spec) return net.spec
  const { channels, height, width } = net
  const to: Placing = {
    net,
    layers: [],
    shapes: new Map([['input', [channels, height, width]]]),
    last: 'input'
  }
  for (const drawn of net.layers) addLayer(to, drawn)
  const whole = (to.shapes.get(to.last) ?? []).reduce((a, b) => a * b, 1)
  to.shapes.clear()
  place(to, 'flatten', { options: {}, shape: [whole] })
  for (const { a, b } of net.dense) {
    const units = pick([4, 1, 10, 16, 64, 128], a)
    place(to, 'dense', { options: { units, bias: b % 3 !== 2 }, shape: [units] })
    place(to, pick(['relu', 'tanh', 'leaky_relu', 'sigmoid', 'softmax'], b), {
      options: {},
      shape: [units]
    })
  }
  place(to, 'dense', { options: { units: net.classes, bias: true }, shape: [net.classes] })
  return to.layers
}
