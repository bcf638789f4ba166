/**
 * Eigenvalues and eigenvectors of a small symmetric matrix by Jacobi's method (Golub and Van Loan, "Matrix
 * Computations", 8.5). It uses only + - × ÷ and square roots, so all platforms give the same bits.
 */

const SWEEPS = 50

/** Largest value first. `vectors[i]` has length 1; its largest component is positive. */
export function symmetricEigen(matrix: readonly (readonly number[])[]): {
  readonly values: number[]
  readonly vectors: number[][]
} {
  const n = matrix.length
  const a = matrix.map((row) => [...row])
  // Columns are the vectors.
  const v = a.map((_, i) => a.map((_, j) => (i === j ? 1 : 0)))
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let rotated = false
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) rotated = rotate(a, v, p, q) || rotated
    }
    if (!rotated) break
  }
  const pairs = a.map((row, i) => ({
    value: row[i]!,
    vector: withPositiveSign(v.map((row) => row[i]!))
  }))
  pairs.sort((left, right) => right.value - left.value)
  return { values: pairs.map(({ value }) => value), vectors: pairs.map(({ vector }) => vector) }
}

/** Rotates a[p][q] to zero. Returns false if it is negligible already. */
function rotate(a: number[][], v: number[][], p: number, q: number): boolean {
  const apq = a[p]![q]!
  const [app, aqq] = [a[p]![p]!, a[q]![q]!]
  if (Math.abs(apq) <= Number.EPSILON * 1e-2 * Math.sqrt(Math.abs(app * aqq))) return false
  const tau = (aqq - app) / (2 * apq)
  const t = (tau >= 0 ? 1 : -1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau))
  const c = 1 / Math.sqrt(1 + t * t)
  const s = t * c
  for (let k = 0; k < a.length; k++) turn(a[k]!, p, q, c, s)
  for (let k = 0; k < a.length; k++) {
    const [low, high] = [a[p]![k]!, a[q]![k]!]
    a[p]![k] = c * low - s * high
    a[q]![k] = s * low + c * high
  }
  for (const row of v) turn(row, p, q, c, s)
  return true
}

function turn(row: number[], p: number, q: number, c: number, s: number): void {
  const [low, high] = [row[p]!, row[q]!]
  row[p] = c * low - s * high
  row[q] = s * low + c * high
}

function withPositiveSign(vector: number[]): number[] {
  const largest = vector.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most))
  return largest < 0 ? vector.map((value) => -value) : vector
}
