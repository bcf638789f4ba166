/** Draws a confusion matrix as SVG: rows are true classes, columns predicted ones. */
import type { Scores } from '../scores.ts'
import { xml } from './svg.ts'

/** Up to so many classes cells have their counts, and up to so many rows and columns have names. */
const COUNTED = 25
const NAMED = 100
/** Pixels of the largest matrices. */
const MOST = 1000
/** Characters of a class's name. */
const LONGEST = 24

/** The matrix of some scores. The darker a cell is, the larger its share of the true class's images. */
export function confusionSvg({
  classes,
  confusion,
  perClass
}: Pick<Scores, 'classes' | 'confusion' | 'perClass'>): string {
  const count = classes.length
  const cell = count <= COUNTED ? 30 : count <= NAMED ? 12 : Math.max(1, Math.floor(MOST / count))
  const names = count <= NAMED ? classes.map(short) : []
  const font = Math.min(12, cell - 1)
  const before = 34 + Math.max(0, ...names.map((name) => name.length)) * font * 0.62
  const side = count * cell
  const size = Math.ceil(before + side + 10)
  const cells = Array.from(confusion, (images, at) => {
    if (images === 0) return ''
    const [row, column] = [Math.floor(at / count), at % count]
    const share = images / (perClass[row]?.images ?? images)
    const [x, y] = [column * cell, row * cell]
    const box = `<rect x="${x}" y="${y}" width="${cell}" height="${cell}" fill="${blue(share)}"/>`
    if (count > COUNTED) return box
    const colour = share > 0.5 ? '#fff' : '#222'
    const middle = `x="${x + cell / 2}" y="${y + cell / 2 + 4}" text-anchor="middle"`
    return `${box}<text ${middle} font-size="10" fill="${colour}">${images}</text>`
  })
  const labels = names.map((name, i) => {
    const at = (i + 0.5) * cell + font / 3
    const left = `<text x="-6" y="${at}" text-anchor="end">${xml(name)}</text>`
    return `${left}<text transform="translate(${at} -6) rotate(-90)">${xml(name)}</text>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}" viewBox="0 0 ${size} ${size}">`,
    `<rect width="${size}" height="${size}" fill="#fff"/>`,
    `<g transform="translate(${before} ${before})" font-family="sans-serif" font-size="${font}" fill="#222">`,
    `<text x="${side / 2}" y="${18 - before}" font-size="12" text-anchor="middle">predicted</text>`,
    `<text transform="translate(${18 - before} ${side / 2}) rotate(-90)" font-size="12" text-anchor="middle">true</text>`,
    ...labels,
    ...cells.filter((one) => one !== ''),
    `<rect width="${side}" height="${side}" fill="none" stroke="#888"/>`,
    '</g></svg>\n'
  ].join('\n')
}

function short(name: string): string {
  const letters = [...name]
  return letters.length > LONGEST ? `${letters.slice(0, LONGEST - 1).join('')}…` : name
}

/** From near white to dark blue. */
function blue(share: number): string {
  const mix = (from: number, to: number) => Math.round(from + (to - from) * share)
  return `rgb(${mix(232, 0)},${mix(240, 60)},${mix(250, 120)})`
}
