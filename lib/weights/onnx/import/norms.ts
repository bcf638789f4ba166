/**
 * Local response normalisation that is made of other operators: x / (k + α · mean of x² over a window)^β. So we
 * write it where ONNX's LRN cannot say the window. The steps are followed one by one.
 */
import { lrn, lrnWithin } from '../../../net/layers/lrn.ts'
import type { NormState } from './net.ts'
import type { NodeReader } from './node.ts'

/** Follows a step of a norm. Returns false for a node that is none. */
export function readNormStep(reader: NodeReader): boolean {
  const { net, node } = reader
  const [a = '', b = ''] = node.inputs
  const values = [net.value(a), net.value(b)]
  const at = values.findIndex((value) => value?.norm !== undefined)
  const norm = values[at]?.norm
  if (!norm) {
    const [x] = values
    const squares =
      (node.op === 'Mul' && a === b) ||
      (node.op === 'Pow' && reader.numbers(net.constant(b))[0] === 2 && x?.shape.length === 3)
    if (!squares || !x) return false
    give(reader, { of: reader.plain(0), view: x.shape, groups: 1 })
    return true
  }
  const step = Object.hasOwn(steps, node.op) ? steps[node.op] : undefined
  if (!step) reader.refuse('on squares of maps', 'a step of a local response normalisation')
  step(reader, norm, at)
  return true
}

function give(reader: NodeReader, norm: NormState): void {
  reader.gives({ layer: norm.of.layer, shape: norm.view, norm })
}

type Step = (reader: NodeReader, norm: NormState, at: number) => void

/** To one plane of channels, or back; a group of channels may become an image. */
const reshape: Step = (reader, norm) => {
  const [, ...target] = reader.numbers(reader.needed(1))
  const [channels = 0, height = 0, width = 0] = norm.of.shape
  const fixed = target.filter((size) => size !== -1).reduce((a, b) => a * b, 1)
  const [batch = 0] = reader.numbers(reader.needed(1))
  const [plane = 0, rows = 0] = target
  const groups = plane === 1 && target.length > 2 ? channels / rows : 1
  const pixels = (channels / groups) * height * width
  const view = target.map((size) => (size === -1 ? pixels / fixed : size))
  const whole = view.reduce((a, b) => a * b, 1) === pixels
  const flat = plane === 1 && Number.isInteger(groups) && (groups === 1 || batch === -1)
  const back = String(view) === String(norm.of.shape)
  if (!whole || (!flat && !back)) reader.refuse(`to [${target}]`, 'a plane of channels, or back')
  give(reader, { ...norm, view, groups: back ? norm.groups : groups })
}

/** The mean over a window of channels, or of cells. */
const average: Step = (reader, norm) => {
  const size = reader.integers('kernel_shape') ?? []
  const strides = reader.integers('strides') ?? []
  const pads = reader.integers('pads') ?? size.flatMap(() => [0, 0])
  const [first = 0, ...rest] = size
  const ones = (list: readonly number[]) => list.every((one) => one === 1)
  const within = norm.view.length === 3 && norm.view[0] !== 1 && !ones(rest)
  const axes = within ? size.map((_, i) => i) : [0]
  const before = pads.slice(0, size.length)
  const after = pads.slice(size.length)
  const half = Math.floor(first / 2)
  const padded = size.every((_, i) => {
    const own = axes.includes(i)
    return before[i] === (own ? half : 0) && after[i] === (own ? first - 1 - half : 0)
  })
  const square = within ? rest.every((one) => one === first) : ones(rest)
  const counted = reader.integer('count_include_pad', 0) === 1 || pads.every((one) => one === 0)
  if (!square || !padded || !counted || !ones(strides) || first < 1 || norm.window) {
    reader.refuse('over squares of maps', 'the mean over a window around each place')
  }
  give(reader, { ...norm, window: { size: first, within } })
}

/** α and k, before the power. */
const scale: Step = (reader, norm, at) => {
  const [alpha] = reader.numbers(reader.constant(1 - at))
  if (alpha === undefined || !norm.window || norm.k !== undefined) refuseStep(reader)
  give(reader, { ...norm, alpha: (norm.alpha ?? 1) * alpha })
}

const shift: Step = (reader, norm, at) => {
  const [k] = reader.numbers(reader.constant(1 - at))
  if (k === undefined || !norm.window || norm.k !== undefined) refuseStep(reader)
  give(reader, { ...norm, k })
}

const power: Step = (reader, norm, at) => {
  const [beta] = reader.numbers(reader.constant(1))
  if (beta === undefined || at !== 0 || norm.k === undefined || norm.beta !== undefined) {
    refuseStep(reader)
  }
  give(reader, { ...norm, beta })
}

const divide: Step = (reader, norm, at) => {
  const { window, of, groups, alpha = 1, k, beta, view } = norm
  const x = reader.plain(0)
  const same = x.layer === of.layer && String(view) === String(of.shape)
  if (at !== 1 || !same || !window || k === undefined || beta === undefined) refuseStep(reader)
  const { size, within } = window
  const options = { size, alpha, alphaOf: 'mean', beta, k } as const
  const { net, node } = reader
  const layer = within
    ? net.add(
        'lrn_within',
        [of.layer],
        (place) => lrnWithin({ ...place, ...options }),
        [],
        node.name
      )
    : net.add('lrn', [of.layer], (place) => lrn({ ...place, ...options, groups }), [], node.name)
  reader.gives({ layer, shape: of.shape })
}

function refuseStep(reader: NodeReader): never {
  return reader.refuse('on squares of maps', 'x / (k + α · mean of squares)^β, in this order')
}

const steps: Readonly<Record<string, Step>> = {
  Reshape: reshape,
  AveragePool: average,
  Mul: scale,
  Add: shift,
  Pow: power,
  Div: divide
}
