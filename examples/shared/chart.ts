/** Writes a chart, given as a specification of Vega-Lite, as SVG and as PNG. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import sharp from 'sharp'
import { parse, View } from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'

/**
 * @param path without an ending; `.svg` and `.png` are added
 * @returns the paths of both files
 */
export async function writeChart(path: string, spec: TopLevelSpec): Promise<[string, string]> {
  const view = new View(parse(compile(spec).spec), { renderer: 'none' })
  const svg = `${await view.toSVG()}\n`
  await mkdir(dirname(path), { recursive: true })
  await writeFile(`${path}.svg`, svg)
  // Twice the size, for screens with small pixels.
  await sharp(Buffer.from(svg), { density: 144 }).png().toFile(`${path}.png`)
  return [`${path}.svg`, `${path}.png`]
}
