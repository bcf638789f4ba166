/** Draws a plot with characters, for a terminal. d3 chooses the ticks. */
import { scaleLinear } from 'd3-scale'
import { foreign } from '../../util/foreign.ts'
import { axisFormat, type Panel, type Plot, type Point } from './panels.ts'
import { rangeOf } from './svg.ts'

/** Rows of a panel, and columns to the left of it. */
const ROWS = 12
const LEFT = 8
/** A run each. */
const MARKS = ['•', '×', '+', 'o', '#', '*', '%', '=']

const mark = (i: number) => MARKS[i % MARKS.length] ?? '•'

/** That of a run's validations. */
const letter = (i: number) => String.fromCharCode(65 + (i % 26))

/** Columns that a line may have in a terminal. */
export const columnsIn = (width: number) => width - LEFT - 2

/** @param width columns of the terminal */
export function textOf(plot: Plot, width: number): string {
  const names = plot.names.map((name, i) => {
    const validated = plot.panels.some(({ lines }) => (lines[i]?.validations.length ?? 0) > 0)
    return `${mark(i)} ${foreign(name)}${validated ? ` (${letter(i)}: validations)` : ''}`
  })
  return [...plot.panels.map((panel) => panelText(panel, plot, columnsIn(width))), ...names].join(
    '\n'
  )
}

function panelText({ title, lines }: Panel, { x: along }: Plot, columns: number): string {
  const x = scaleLinear()
    .domain([0, along.most || 1])
    .range([0, columns - 1])
  const y = scaleLinear()
    .domain(rangeOf(lines))
    .range([ROWS - 1, 0])
  const cells = Array.from({ length: ROWS }, () => Array<string>(columns).fill(' '))
  const put = ({ x: column, y: height }: Point, sign: string) => {
    const row = cells[Math.round(y(height))]
    if (row) row[Math.round(x(column))] = sign
  }
  for (const [i, { smooth }] of lines.entries()) for (const one of smooth) put(one, mark(i))
  for (const [i, { validations }] of lines.entries()) {
    for (const one of validations) put(one, letter(i))
  }
  const ticks = new Map(y.ticks(4).map((value) => [Math.round(y(value)), y.tickFormat(4)(value)]))
  const rows = cells.map((row, i) => {
    return `${(ticks.get(i) ?? '').padStart(LEFT)} ┤${row.join('')}`.trimEnd()
  })
  const marks = Array<string>(columns).fill('─')
  let labels = along.label.padStart(LEFT).slice(0, LEFT)
  for (const value of x.ticks(5)) {
    const at = Math.round(x(value))
    const text = axisFormat(along.most, x.tickFormat(5))(value)
    marks[at] = '┬'
    const from = LEFT + 2 + Math.min(at, columns - text.length)
    if (from > labels.length) labels = labels.padEnd(from) + text
  }
  return [
    `${title.padStart(LEFT)}`,
    ...rows,
    `${' '.repeat(LEFT)} └${marks.join('')}`,
    labels,
    ...(along.label.length > LEFT ? [`${' '.repeat(LEFT + 2)}${along.label}`] : []),
    ''
  ].join('\n')
}
