/** Draws the curve of a range test in a terminal. */
import type { RangePoint } from '../../training/range-test.ts'
import { COLUMNS } from '../shared/text.ts'

/** Rows of the curve. */
const ROWS = 10
/** Columns to the left of it. */
const LEFT = 8
/** Losses above so many times the first are drawn at the top: where training diverges they have no bound. */
const TOP = 1.3

/**
 * The loss by learning rate, the rate on a logarithmic scale, as text.
 * @param at the rate to mark
 */
export function rangePlot(points: readonly RangePoint[], at?: number): string {
  const [first] = points
  if (!first) return ''
  const columns = Math.min(points.length, COLUMNS - LEFT - 2)
  const top = Math.min(Math.max(...points.map(({ loss }) => loss)), TOP * first.loss)
  const bottom = Math.min(...points.map(({ loss }) => loss))
  const rowOf = (loss: number) => {
    const height = top > bottom ? (Math.min(loss, top) - bottom) / (top - bottom) : 0
    return ROWS - 1 - Math.round(height * (ROWS - 1))
  }
  const chosen = Array.from({ length: columns }, (_, i) => {
    return points[Math.round((i * (points.length - 1)) / Math.max(1, columns - 1))] ?? first
  })
  const marked = at === undefined ? -1 : chosen.findIndex(({ lr }) => lr >= at)
  const lines = Array.from({ length: ROWS }, (_, row) => {
    const loss = top - ((top - bottom) * row) / (ROWS - 1)
    const label = row % 3 === 0 ? loss.toFixed(3) : ''
    const cells = chosen.map((point, column) => {
      if (rowOf(point.loss) === row) return '•'
      return column === marked ? '│' : ' '
    })
    return `${label.padStart(LEFT)} ┤${cells.join('')}`.trimEnd()
  })
  return [...lines, axis(chosen, marked), labels(chosen)].join('\n')
}

/** The axis, with a tick at each power of ten. */
function axis(points: readonly RangePoint[], marked: number): string {
  const cells = points.map((_, i) => (i === marked ? '▲' : decadeAt(points, i) ? '┬' : '─'))
  return `${'loss'.padStart(LEFT)} └${cells.join('')}`
}

/** Powers of ten below their ticks. */
function labels(points: readonly RangePoint[]): string {
  let line = `${'rate'.padStart(LEFT)}  `
  for (const [i, { lr }] of points.entries()) {
    if (!decadeAt(points, i)) continue
    const column = LEFT + 2 + i
    const text = `1e${Math.round(Math.log10(lr))}`
    if (column > line.length && column + text.length <= COLUMNS) line = line.padEnd(column) + text
  }
  return line
}

/** True where a power of ten lies between this point and the one before. */
function decadeAt(points: readonly RangePoint[], i: number): boolean {
  const [before, here] = [points[i - 1], points[i]]
  return before !== undefined && here !== undefined && decade(here.lr) > decade(before.lr)
}

function decade(rate: number): number {
  return Math.floor(Math.log10(rate) + 1e-9)
}
