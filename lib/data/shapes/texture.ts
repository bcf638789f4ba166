/** Random textures of `shapes`: grey patterns on the square from -1 to 1. */
import type { Random } from '../../util/random.ts'

const LATTICE = 7

/** A triangle wave of period 1, from -1 to 1. */
function wave(t: number): number {
  return Math.abs(t - Math.floor(t) - 0.5) * 4 - 1
}

/** Value of a pattern, from -1 to 1, at the point (x, y). */
export type Texture = (x: number, y: number) => number

/** Draws one of five patterns: flat, slope, waves, checks, blobs. */
export function randomTexture(random: Random): Texture {
  const kind = random.integer(5)
  const [dx, dy] = random.direction()
  const phase = random.uniform()
  if (kind === 0) return () => 0
  if (kind === 1) return (x, y) => 0.7 * (dx * x + dy * y)
  if (kind === 4) return blobs(random)
  const frequency = random.uniform(1, 3)
  const ax = dx * frequency
  const ay = dy * frequency
  if (kind === 2) return (x, y) => wave(ax * x + ay * y + phase)
  return (x, y) => (wave(ax * x + ay * y + phase) * wave(ax * y - ay * x + phase) > 0 ? 1 : -1)
}

/** Smooth spots: random values on a lattice, interpolated bilinearly. */
function blobs(random: Random): Texture {
  const heights = Float64Array.from({ length: LATTICE * LATTICE }, () => random.uniform(-1, 1))
  const scale = (LATTICE - 1.001) / 2
  return (x, y) => {
    const u = (Math.max(-1, Math.min(1, x)) + 1) * scale
    const v = (Math.max(-1, Math.min(1, y)) + 1) * scale
    const column = Math.floor(u)
    const row = Math.floor(v)
    const at = row * LATTICE + column
    const fx = u - column
    const top = heights[at]! + (heights[at + 1]! - heights[at]!) * fx
    const below = heights[at + LATTICE]!
    const bottom = below + (heights[at + LATTICE + 1]! - below) * fx
    return top + (bottom - top) * (v - row)
  }
}
