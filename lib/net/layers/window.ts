/** Sliding windows of convolution and pooling. */

/** [height, width], or one number for both. */
export type Pair = number | readonly [number, number]

/**
 * Border around the input, in cells.
 *
 * - `'valid'`: none.
 * - `'same'`: as much as gives ⌈input / stride⌉ outputs. An odd cell goes to the bottom and the right, as in
 *   TensorFlow.
 * - a number: so many on every side.
 * - `[top, bottom, left, right]`.
 */
export type Padding = 'same' | 'valid' | number | readonly [number, number, number, number]

export function pair(value: Pair): readonly [number, number] {
  return typeof value === 'number' ? [value, value] : value
}

/** @returns [top, bottom, left, right] */
export function windowPadding(
  padding: Padding,
  input: readonly [number, number],
  size: readonly [number, number],
  stride: readonly [number, number],
  dilation: readonly [number, number] = [1, 1]
): readonly [number, number, number, number] {
  if (padding === 'valid') return [0, 0, 0, 0]
  if (typeof padding === 'number') return [padding, padding, padding, padding]
  if (padding !== 'same') return padding
  const along = (i: 0 | 1): [number, number] => {
    const reach = dilation[i] * (size[i] - 1) + 1
    const total = Math.max(0, (Math.ceil(input[i] / stride[i]) - 1) * stride[i] + reach - input[i])
    return [Math.floor(total / 2), Math.ceil(total / 2)]
  }
  return [...along(0), ...along(1)]
}
