/** Formats numbers for people. */
import { count, counted } from '../../util/words.ts'

export { count, counted }

/** Bytes as MiB; no decimals from 100 MiB on. */
export function mebibytes(bytes: number): string {
  const value = bytes / 2 ** 20
  return `${value >= 100 ? count(Math.round(value)) : value.toFixed(1)} MiB`
}

/** A large number with three digits and a unit: 1.87 G, 620 M, 47.1 k. */
export function short(value: number): string {
  for (const [unit, size] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3]
  ] as const) {
    if (value >= size) return `${(value / size).toPrecision(3)} ${unit}`
  }
  return String(value)
}

/** A fraction with three decimals and no leading zero: .812. */
export function fraction(value: number): string {
  const text = value.toFixed(3)
  return text.startsWith('0') ? text.slice(1) : text
}

/** Images per second; no decimals from 100 on. */
export function pace(value: number): string {
  return value >= 100 ? count(Math.round(value)) : value.toFixed(1)
}

/** The size of images: 28×28, or 256×256×3 with several channels. */
export function imageSize(set: {
  readonly height: number
  readonly width: number
  readonly channels: number
}): string {
  const { height, width, channels } = set
  return `${height}×${width}${channels === 1 ? '' : `×${channels}`}`
}

/** Seconds as 4:05 or 1:02:03. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–'
  const whole = Math.max(0, Math.round(seconds))
  const two = (value: number) => String(value).padStart(2, '0')
  const hours = Math.floor(whole / 3600)
  const minutes = Math.floor(whole / 60) % 60
  const rest = two(whole % 60)
  return hours > 0 ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`
}

/** What follows ", " after scores of which some outputs were not finite; empty if none was. */
export function notFiniteText(images: number): string {
  if (images === 0) return ''
  return `, ${counted(images, 'image', 'images')} with an output that is not finite, counted as wrong`
}
