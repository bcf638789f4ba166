import { elements, type Shape } from '../../native/layout.ts'
import type { Data, Dense, Fields, Tensors } from './types.ts'

/** A number among the fields. */
export function number(fields: Fields, name: string, byDefault?: number): number {
  const value = fields[name] ?? byDefault
  if (typeof value !== 'number') throw wrong(`a number as ${name}`, value)
  return value
}

/** A switch among the fields; off where it is left out. */
export function flag(fields: Fields, name: string, byDefault = false): boolean {
  const value = fields[name] ?? byDefault
  if (typeof value !== 'boolean') throw wrong(`true or false as ${name}`, value)
  return value
}

/** [vertical, horizontal] among the fields. */
export function pair(
  fields: Fields,
  name: string,
  byDefault?: readonly [number, number]
): readonly [number, number] {
  const value = fields[name] ?? byDefault
  const [y, x] = Array.isArray(value) ? value : []
  if (typeof y !== 'number' || typeof x !== 'number') throw wrong(`two numbers as ${name}`, value)
  return [y, x]
}

/** [top, bottom, left, right] among the fields; zeros where it is left out. */
export function borders(
  fields: Fields,
  name = 'padding'
): readonly [number, number, number, number] {
  const value = fields[name] ?? [0, 0, 0, 0]
  if (!Array.isArray(value) || value.length !== 4) throw wrong(`four numbers as ${name}`, value)
  const [top, bottom, left, right] = value
  return [top, bottom, left, right]
}

/** An input that must be there. */
export function input(inputs: Tensors, name: string): Dense {
  const tensor = inputs[name]
  if (!tensor) throw wrong(`an input ${name}`, undefined)
  return tensor
}

/** The shape of an output that must be there. */
export function shapeOf(shapes: Readonly<Record<string, Shape>>, name: string): Shape {
  const shape = shapes[name]
  if (!shape) throw wrong(`a shape for ${name}`, undefined)
  return shape
}

/** [N, C, H, W]; a matrix counts as images of one pixel, and a vector as one row of them. */
export function images(shape: Shape): readonly [number, number, number, number] {
  const [n = 1, c = 1, h = 1, w = 1] = shape.length === 1 ? [1, ...shape] : shape
  return [n, c, h, w]
}

/** The rows of a matrix, as copies in f64. */
export function rows({ shape, data }: Dense): Float64Array[] {
  const [count = 0, columns = 0] = shape
  return Array.from({ length: count }, (_, n) =>
    Float64Array.from(data.subarray(n * columns, (n + 1) * columns))
  )
}

/** log of the sum of e^element, without overflow. */
export function logSumExp(row: Float64Array): number {
  const largest = row.reduce((a, b) => Math.max(a, b), -Infinity)
  return largest + Math.log(row.reduce((sum, element) => sum + Math.exp(element - largest), 0))
}

/** A tensor of zeros. */
export function zeros(shape: Shape): Dense<Float64Array> {
  return { shape, data: new Float64Array(elements(shape)) }
}

/** A tensor whose element i is `value(i)`. */
export function build(shape: Shape, value: (index: number) => number): Dense<Float64Array> {
  return { shape, data: Float64Array.from({ length: elements(shape) }, (_, i) => value(i)) }
}

/** Applies `value` to each element. */
export function map(
  x: Dense,
  value: (element: number, index: number) => number
): Dense<Float64Array> {
  return build(x.shape, (i) => value(x.data[i]!, i))
}

/** Whether an update goes through: the flag `ok` is absent or not zero. */
export function goesThrough(inputs: Tensors): boolean {
  return inputs.ok?.data[0] !== 0
}

/** A copy of the same kind of numbers. */
export function copy<D extends Data>({ shape, data }: Dense<D>): Dense {
  return { shape, data: data.slice() }
}

function wrong(expected: string, got: unknown): Error {
  return new Error(`[reference] expected ${expected}, got ${JSON.stringify(got)}; name it`)
}
