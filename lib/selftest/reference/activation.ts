// Elementwise functions, and softmax. Each backward reads y, so that y may overwrite x.
import { input, logSumExp, map, number, rows } from './fields.ts'
import type { Reference } from './types.ts'

const forward =
  (value: (x: number) => number): Reference =>
  (_, inputs) => ({ y: map(input(inputs, 'x'), value) })

const backward =
  (slope: (y: number) => number): Reference =>
  (_, inputs) => {
    const y = input(inputs, 'y')
    return { dx: map(input(inputs, 'dy'), (element, i) => element * slope(y.data[i]!)) }
  }

/** relu: y = x where x > 0, else 0; NaN stays NaN. */
export const relu = forward((x) => Math.max(x, 0))
/** relu_backward: dx = 0 where y <= 0, else dy, as in PyTorch: also where y is NaN. */
export const reluBackward: Reference = (_, inputs) => {
  const y = input(inputs, 'y')
  return { dx: map(input(inputs, 'dy'), (dy, i) => (y.data[i]! <= 0 ? 0 : dy)) }
}
/** leaky_relu: y = x where x >= 0, else slope x. */
export const leakyRelu: Reference = (fields, inputs) => {
  const slope = number(fields, 'slope', 0.01)
  return { y: map(input(inputs, 'x'), (x) => (x < 0 ? slope * x : x)) }
}
/** leaky_relu_backward: dx = dy where y > 0, else slope dy. */
export const leakyReluBackward: Reference = (fields, inputs) => {
  const slope = number(fields, 'slope', 0.01)
  const y = input(inputs, 'y')
  return { dx: map(input(inputs, 'dy'), (dy, i) => (y.data[i]! > 0 ? dy : slope * dy)) }
}
/** tanh: y = tanh x. */
export const tanh = forward(Math.tanh)
/** tanh_backward: dx = dy (1 - y²). */
export const tanhBackward = backward((y) => 1 - y * y)
/** sigmoid: y = 1 / (1 + e^-x). */
export const sigmoid = forward((x) => 1 / (1 + Math.exp(-x)))
/** sigmoid_backward: dx = dy y (1 - y). */
export const sigmoidBackward = backward((y) => y * (1 - y))

/** softmax: y [N,C] of x [N,C], each row e^x over its sum. */
export const softmax: Reference = (_, inputs) => {
  const x = input(inputs, 'x')
  const logSums = rows(x).map(logSumExp)
  const [, columns = 1] = x.shape
  return { y: map(x, (element, i) => Math.exp(element - logSums[Math.floor(i / columns)]!)) }
}

/** softmax_backward: dx [N,C] = y (dy - sum over the row of dy y). */
export const softmaxBackward: Reference = (_, inputs) => {
  const y = input(inputs, 'y')
  const dy = input(inputs, 'dy')
  const products = rows(map(dy, (element, i) => element * y.data[i]!))
  const dots = products.map((row) => row.reduce((a, b) => a + b, 0))
  const [, columns = 1] = y.shape
  return {
    dx: map(y, (element, i) => element * (dy.data[i]! - dots[Math.floor(i / columns)]!))
  }
}
