/** Draws a plot as SVG. d3 chooses ticks and writes paths. */
import { scaleLinear } from 'd3-scale'
import { line } from 'd3-shape'
import { axisFormat, type Line, type Panel, type Plot, type Point } from './panels.ts'

/** In pixels: a panel's axes, what is around them, and a row of the legend. */
const WIDTH = 340
const HEIGHT = 250
const MARGIN = { top: 34, right: 18, bottom: 44, left: 50 }
const ROW = 18

/** By Okabe and Ito, for all kinds of sight; lines beyond them are dashed. */
const COLOURS = ['0072b2', 'd55e00', '009e73', 'cc79a7', 'e69f00', '56b4e9', '7f7f7f']

/** Colours of text and lines, as CSS; `html` has others in the dark. */
const STYLE = `
.plot{--ink:#222;--faint:#ddd;--paper:#fff;font:12px sans-serif;fill:var(--ink)}
.paper{fill:var(--paper)}
.grid{stroke:var(--faint);stroke-width:1}
.line{fill:none;stroke-width:1.8;stroke-linejoin:round}
.raw{fill:none;stroke-width:.7;opacity:.3}
.point{stroke:var(--paper);stroke-width:1}`

/** Raster programs that know no variables of CSS get their values. */
const plain = STYLE.replaceAll('var(--ink)', '#222')
  .replaceAll('var(--faint)', '#ddd')
  .replaceAll('var(--paper)', '#fff')

/** @param variables true: colours are variables of CSS, which the page around it may set. Default false */
export function svgOf(plot: Plot, { variables = false } = {}): string {
  const panels = plot.panels.length
  const outer = { width: WIDTH + MARGIN.left + MARGIN.right, height: HEIGHT + MARGIN.top }
  const below = outer.height + MARGIN.bottom
  const width = panels * outer.width
  const height = below + plot.names.length * ROW + 8
  const title = `${plot.panels.map(({ title }) => title).join(' and ')} by ${plot.x.label}`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="plot" role="img" width="${width}" height="${height}" ` +
      `viewBox="0 0 ${width} ${height}">`,
    `<title>${xml(`${title}: ${plot.names.join(', ')}`)}</title>`,
    `<style>${variables ? STYLE : plain}</style>`,
    `<rect class="paper" width="${width}" height="${height}"/>`,
    ...plot.panels.map((panel, i) => {
      return `<g transform="translate(${i * outer.width + MARGIN.left} ${MARGIN.top})">${panelOf(panel, plot)}</g>`
    }),
    ...plot.names.map((name, i) => legendOf(name, i, below + i * ROW)),
    '</svg>\n'
  ].join('\n')
}

function legendOf(name: string, i: number, top: number): string {
  const dots = `<circle class="point" cx="${MARGIN.left + 13}" cy="${top}" r="3.5" fill="${colour(i)}"/>`
  const stroke = `<path class="line" d="M${MARGIN.left} ${top}h26" ${strokeOf(i)}/>`
  return `${stroke}${dots}<text x="${MARGIN.left + 34}" y="${top + 4}">${xml(name)}</text>`
}

function panelOf({ title, lines }: Panel, { x: along }: Plot): string {
  const x = scaleLinear()
    .domain([0, along.most || 1])
    .range([0, WIDTH])
  const y = scaleLinear().domain(rangeOf(lines)).nice().range([HEIGHT, 0])
  const path = line<Point>()
    .x((point) => round(x(point.x)))
    .y((point) => round(y(point.y)))
  const [yText, xText] = [y.tickFormat(5), axisFormat(along.most, x.tickFormat(5))]
  const ticks = y.ticks(5).map((value) => {
    const at = round(y(value))
    const label = `<text x="-8" y="${at + 4}" text-anchor="end">${yText(value)}</text>`
    return `<path class="grid" d="M0 ${at}h${WIDTH}"/>${label}`
  })
  const below = x.ticks(5).map((value) => {
    return `<text x="${round(x(value))}" y="${HEIGHT + 16}" text-anchor="middle">${xText(value)}</text>`
  })
  // Extremes that the range leaves out stay inside the panel.
  const clip = `<svg width="${WIDTH}" height="${HEIGHT}" overflow="hidden">`
  return [
    `<text x="0" y="-14" font-weight="bold">${xml(title)}</text>`,
    ...ticks,
    ...below,
    `<text x="${WIDTH}" y="${HEIGHT + 34}" text-anchor="end">${xml(along.label)}</text>`,
    clip,
    ...lines.map(
      ({ raw }, i) => `<path class="raw" d="${path(raw) ?? ''}" stroke="${colour(i)}"/>`
    ),
    ...lines.map(
      ({ smooth }, i) => `<path class="line" d="${path(smooth) ?? ''}" ${strokeOf(i)}/>`
    ),
    '</svg>',
    ...lines.flatMap(({ validations }, i) =>
      validations.map((point) => {
        const at = `cx="${round(x(point.x))}" cy="${round(y(point.y))}"`
        return `<circle class="point" ${at} r="3.5" fill="${colour(i)}"/>`
      })
    )
  ].join('\n')
}

/** From the least to the largest value of the smoothed lines and the validations: what is behind may be cut. */
export function rangeOf(lines: readonly Line[]): [least: number, most: number] {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const { smooth, validations } of lines) {
    for (const list of [smooth, validations]) {
      for (const { y } of list) {
        least = Math.min(least, y)
        most = Math.max(most, y)
      }
    }
  }
  if (!(least <= most)) return [0, 1]
  return least < most ? [least, most] : [least - 0.5, most + 0.5]
}

const colour = (i: number) => `#${COLOURS[i % COLOURS.length] ?? ''}`

function strokeOf(i: number): string {
  const round = Math.floor(i / COLOURS.length)
  const dashes = round > 0 ? ` stroke-dasharray="${2 + 3 * round} 3"` : ''
  return `stroke="${colour(i)}"${dashes}`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

/** Text in XML and HTML. Control characters, which XML has not, become �. */
export function xml(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\ufffe\uffff]/gu, '\ufffd')
    .replaceAll(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`)
}
