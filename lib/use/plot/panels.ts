/** What a plot of runs shows: panels of lines, smoothed, with few enough points to draw. */
import type { Curve, RunCurves } from '../../run/read-log.ts'

export const axes = ['step', 'images', 'time'] as const

/** What is drawn to the right. */
export type Axis = (typeof axes)[number]

export interface Point {
  readonly x: number
  readonly y: number
}

/** One run in one panel. */
export interface Line {
  /** The values of steps, smoothed. */
  readonly smooth: readonly Point[]
  /** The least and the largest values behind it. */
  readonly raw: readonly Point[]
  readonly validations: readonly Point[]
}

export interface Panel {
  readonly title: string
  /** One a run, in their order. */
  readonly lines: readonly Line[]
}

/** A run, and what it is called. */
export interface NamedRun {
  readonly name: string
  readonly curves: RunCurves
}

export interface PlotOptions {
  readonly x: Axis
  /** Steps that are averaged; undefined: a twentieth of the run's. */
  readonly smooth?: number | undefined
  /** Points of a line. */
  readonly columns: number
}

export interface Plot {
  readonly x: { readonly label: string; readonly most: number }
  readonly names: readonly string[]
  readonly panels: readonly Panel[]
}

/** A run's share that is averaged. */
const SHARE = 20

const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 4 })

/** Writes numbers below an axis up to `most`. */
export function axisFormat(most: number, usual: (value: number) => string) {
  return most >= 1000 ? (value: number) => compact.format(value) : usual
}

/** Loss and top-1 of runs. */
export function plotOf(runs: readonly NamedRun[], { x, smooth, columns }: PlotOptions): Plot {
  const all = runs.map(({ curves }) => last(xOf(curves.loss, x)))
  const unit = x === 'time' ? unitOf(Math.max(...all)) : { of: 1, label: LABELS[x] }
  const panel = (title: string, of: 'loss' | 'top1', validated: keyof RunCurves): Panel => ({
    title,
    lines: runs.map(({ curves }) => {
      const curve = curves[of]
      const at = xOf(curve, x).map((value) => value / unit.of)
      const tested = xOf(curves[validated], x)
      const values = smoothed(curve.values, smooth ?? Math.ceil(curve.values.length / SHARE))
      return {
        smooth: means(at, values, columns),
        raw: extremes(at, curve.values, columns),
        validations: curves[validated].values.map((y, i) => ({ x: (tested[i] ?? 0) / unit.of, y }))
      }
    })
  })
  return {
    x: { label: unit.label, most: Math.max(...all) / unit.of },
    names: runs.map(({ name }) => name),
    panels: [panel('loss', 'loss', 'validationLoss'), panel('top-1', 'top1', 'validationTop1')]
  }
}

const LABELS = { step: 'step', images: 'images' } as const

function unitOf(seconds: number) {
  if (seconds < 600) return { of: 1, label: 'training time, s' }
  if (seconds < 36_000) return { of: 60, label: 'training time, min' }
  return { of: 3600, label: 'training time, h' }
}

function xOf(curve: Curve, x: Axis): readonly number[] {
  return x === 'step' ? curve.steps : x === 'images' ? curve.images : curve.seconds
}

const last = (values: readonly number[]) => values.at(-1) ?? 0

/** The exponential moving average over about `span` values, without the pull of a first one. */
export function smoothed(values: readonly number[], span: number): number[] {
  const keep = 1 - 1 / Math.max(1, span)
  let [mean, weight] = [0, 0]
  return values.map((value) => {
    mean = keep * mean + (1 - keep) * value
    weight = keep * weight + (1 - keep)
    return mean / weight
  })
}

/** One point for each column that has values: their mean. */
function means(x: readonly number[], values: readonly number[], columns: number): Point[] {
  return inColumns(x, columns).map(([from, to]) => {
    let [sumX, sumY] = [0, 0]
    for (let i = from; i < to; i++) {
      sumX += x[i] ?? 0
      sumY += values[i] ?? 0
    }
    return { x: sumX / (to - from), y: sumY / (to - from) }
  })
}

/** The least and the largest value of each column, in their order. */
function extremes(x: readonly number[], values: readonly number[], columns: number): Point[] {
  return inColumns(x, columns).flatMap(([from, to]) => {
    let [least, most] = [from, from]
    for (let i = from; i < to; i++) {
      if ((values[i] ?? 0) < (values[least] ?? 0)) least = i
      if ((values[i] ?? 0) > (values[most] ?? 0)) most = i
    }
    const both = least === most ? [least] : [Math.min(least, most), Math.max(least, most)]
    return both.map((i) => ({ x: x[i] ?? 0, y: values[i] ?? 0 }))
  })
}

/** Ranges of values that fall into the same column. */
function inColumns(x: readonly number[], columns: number): (readonly [number, number])[] {
  const first = x[0] ?? 0
  const width = (last(x) - first) / columns
  const ranges: (readonly [number, number])[] = []
  for (let from = 0; from < x.length; ) {
    const column = width > 0 ? Math.floor(((x[from] ?? 0) - first) / width) : 0
    let to = from + 1
    while (to < x.length && width > 0 && Math.floor(((x[to] ?? 0) - first) / width) === column) to++
    ranges.push([from, to])
    from = to
  }
  return ranges
}
