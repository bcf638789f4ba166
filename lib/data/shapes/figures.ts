/**
 * The ten figures of `shapes` as approximate signed distances: negative inside, positive outside, so that edges are
 * drawn smoothly. The radius of a figure is about 1.
 */

/** Signed distance of the point (x, y) from the edge of a figure. */
export type Figure = (x: number, y: number) => number

const SIN_60 = 0.8660254037844386
// Outward normals of a pentagon's sides, one of them pointing down.
const PENTAGON: readonly (readonly [number, number])[] = [
  [0, -1],
  [0.9510565162951535, -0.30901699437494745],
  [0.5877852522924731, 0.8090169943749475],
  [-0.5877852522924731, 0.8090169943749475],
  [-0.9510565162951535, -0.30901699437494745]
]

function length(x: number, y: number): number {
  return Math.sqrt(x * x + y * y)
}

function box(x: number, y: number, halfWidth: number, halfHeight: number): number {
  return Math.max(Math.abs(x) - halfWidth, Math.abs(y) - halfHeight)
}

/** A pentagram: the points that lie inside at least four of five lines. */
function star(x: number, y: number): number {
  let first = -2
  let second = -2
  for (const [nx, ny] of PENTAGON) {
    const distance = nx * x + ny * y - 0.36
    if (distance > first) {
      second = first
      first = distance
    } else if (distance > second) second = distance
  }
  return second
}

/** Class names and figures, in the order of the labels. */
export const figures: readonly (readonly [name: string, figure: Figure])[] = [
  ['disc', (x, y) => length(x, y) - 0.85],
  ['square', (x, y) => box(x, y, 0.75, 0.75)],
  ['triangle', (x, y) => Math.max(-y, SIN_60 * Math.abs(x) + 0.5 * y) - 0.52],
  ['cross', (x, y) => Math.min(box(x, y, 1, 0.27), box(x, y, 0.27, 1))],
  ['ring', (x, y) => Math.abs(length(x, y) - 0.72) - 0.2],
  ['star', star],
  [
    'bars',
    (x, y) =>
      Math.max(Math.abs(x) - 0.85, Math.min(Math.abs(y), Math.abs(Math.abs(y) - 0.66)) - 0.16)
  ],
  ['crescent', (x, y) => Math.max(length(x, y) - 0.95, 0.72 - length(x - 0.5, y))],
  ['frame', (x, y) => Math.abs(box(x, y, 0.68, 0.68)) - 0.17],
  ['hourglass', (x, y) => Math.max(Math.abs(y) - 0.9, Math.abs(x) - 0.85 * Math.abs(y) - 0.06)]
]
