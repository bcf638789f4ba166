/** The geometry of sliding windows, as convolution and pooling are told it. */

/** One number for both, or [height, width]. */
export type Pair = number | readonly [number, number]
/** 'valid' is none; 'same' is ⌈input / stride⌉ outputs; a number for every side; or [top, bottom, left, right]. */
export type Padding = 'same' | 'valid' | number | readonly [number, number, number, number]

export function pair(value: Pair): readonly [number, number] {
  return typeof value === 'number' ? [value, value] : value
}

/** [top, bottom, left, right]. With 'same' the odd cell goes to the bottom and the right, as in TensorFlow. */
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
