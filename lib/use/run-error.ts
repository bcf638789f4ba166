import { PlainError } from '../util/foreign.ts'

/** A run cannot be used: it is not there, has no such weights, or weights of another net. */
export class RunError extends PlainError {
  /** Always 'RunError'. */
  override name = 'RunError'
}
