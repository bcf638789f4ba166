/** A plot as a page: light or dark as the reader's system is, with the last values as a table. */
import type { Plot, Point } from './panels.ts'
import { svgOf, xml } from './svg.ts'

const STYLE = `
body{margin:2rem;font:14px sans-serif;color:#222;background:#fff}
svg{max-width:100%;height:auto}
td,th{text-align:left;padding:.2rem 1rem .2rem 0}
td+td{font-variant-numeric:tabular-nums}
@media (prefers-color-scheme:dark){
body{color:#ddd;background:#16181c}
svg.plot{--ink:#ddd;--faint:#3a3d44;--paper:#16181c}
}`

export function htmlOf(plot: Plot): string {
  const title = plot.names.join(', ')
  const heads = plot.panels.flatMap(({ title }) => [title, `${title}, validation`])
  const rows = plot.names.map((name, i) => {
    const cells = plot.panels.flatMap(({ lines }) => {
      return [lastOf(lines[i]?.smooth), lastOf(lines[i]?.validations)]
    })
    return `<tr><th scope="row">${xml(name)}</th>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`
  })
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${xml(title)}</title>
<style>${STYLE}</style>
${svgOf(plot, { variables: true })}
<table>
<caption>Last values, those of steps smoothed</caption>
<tr><th scope="col">run</th>${heads.map((head) => `<th scope="col">${xml(head)}</th>`).join('')}</tr>
${rows.join('\n')}
</table>
</html>
`
}

function lastOf(points: readonly Point[] = []): string {
  return points.at(-1)?.y.toFixed(3) ?? '–'
}
