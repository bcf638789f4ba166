/** Reads the fields and tensors of an op, and makes tensors. */
import { elements, type Shape } from '../../native/layout.ts'
import type { Data, Dense, Fields, Tensors } from './types.ts'

/** Reads a number. */
export function number(fields: Fields, name: string, byDefault?: number): number {
  const value = fields[name] ?? byDefault
  if (typeof value !== 'number') throw wrong(`a number as ${name}`, value)
  return value
}

/** Reads a boolean; false by default. */
export function flag(fields: Fields, name: string, byDefault = false): boolean {
  const value = fields[name] ?? byDefault
  if (typeof value !== 'boolean') throw wrong(`true or false as ${name}`, value)
  return value
}

/** Reads [vertical, horizontal]. */
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

/** Reads [top, bottom, left, right]; zeros by default. */
export function borders(
  fields: Fields,
  name = 'padding'
): readonly [number, number, number, number] {
  const value = fields[name] ?? [0, 0, 0, 0]
  if (!Array.isArray(value) || value.length !== 4) throw wrong(`four numbers as ${name}`, value)
  const [top, bottom, left, right] = value
  return [top, bottom, left, right]
}

/** Reads a required input. */
export function input(inputs: Tensors, name: string): Dense {
  const tensor = inputs[name]
  if (!tensor) throw wrong(`an input ${name}`, undefined)
  return tensor
}

/** Reads the shape of a required output. */
export function shapeOf(shapes: Readonly<Record<string, Shape>>, name: string): Shape {
  const shape = shapes[name]
  if (!shape) throw wrong(`a shape for ${name}`, undefined)
  return shape
}

/** A shape as [N, C, H, W]: [N, C] are images of one pixel, [C] is one such image. */
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

/** True if an update is made: the flag `ok` is absent or not zero. */
export function isUpdated(inputs: Tensors): boolean {
  return inputs.ok?.data[0] !== 0
}

/** Copies a tensor. */
export function copy<D extends Data>({ shape, data }: Dense<D>): Dense {
  return { shape, data: data.slice() }
}

function wrong(expected: string, got: unknown): Error {
  return new Error(`[reference] expected ${expected}, got ${JSON.stringify(got)}; name it`)
}
