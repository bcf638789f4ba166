/** Sizes of what windows give, as in native/ops/window.h. */

/** A window along one axis. */
export interface Axis {
  readonly length: number
  readonly size: number
  readonly stride: number
  readonly dilation?: number
  readonly before: number
  readonly after: number
}

/** How many windows there are. `ceil` keeps a last one that begins inside and reaches beyond the padding. */
export function windowSteps(axis: Axis, ceil = false): number {
  const { length, size, stride, dilation = 1, before, after } = axis
  const room = length + before + after - (dilation * (size - 1) + 1) + (ceil ? stride - 1 : 0)
  if (room < 0) return 0
  const steps = Math.floor(room / stride) + 1
  return ceil && (steps - 1) * stride >= length + before ? steps - 1 : steps
}

/** How far the last window reaches beyond the padding; 0 if it does not. */
export function overhang(axis: Axis, steps: number): number {
  const { length, size, stride, before, after } = axis
  return Math.max(0, (steps - 1) * stride + size - (length + before + after))
}
