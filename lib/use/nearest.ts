/** Nearest neighbours by Euclidean distance (Krizhevsky et al. 2012, figure 4). */
import { checkArguments } from '../util/check/check.ts'
import { asyncRows, typed, whole } from '../util/check/rules.ts'

/** A row of a matrix, and how far it is from a query. */
export interface Neighbour {
  /** Number of the row. */
  readonly row: number
  /** Euclidean distance. */
  readonly distance: number
}

/** Consecutive rows of a matrix. */
export interface RowBatch {
  /** Number of the first row. */
  readonly first: number
  /** [rows, width] */
  readonly values: Float32Array
}

/**
 * Finds the rows nearest to each query, by comparing with all of them. Of equally near rows the first comes first.
 *
 * @param queries [queries, width]
 * @param width values of a row
 * @param rows the matrix, some rows at a time, such as `index.rows()`
 * @param most neighbours to find for each query
 * @returns for each query its neighbours, the nearest first
 *
 * @example
 * const index = await openIndex('fc7.npy')
 * const [neighbours] = await nearest(features, index.width, index.rows(), 6)
 */
export async function nearest(
  queries: Float32Array,
  width: number,
  rows: AsyncIterable<RowBatch>,
  most: number
): Promise<readonly (readonly Neighbour[])[]> {
  checkArguments('nearest', {
    queries: [queries, typed('Float32Array')],
    width: [width, whole({ from: 1 })],
    rows: [rows, asyncRows],
    most: [most, whole({ from: 1 })]
  })
  const found: Neighbour[][] = Array.from({ length: queries.length / width }, () => [])
  for await (const { first, values } of rows) {
    for (const [query, list] of found.entries()) {
      const own = queries.subarray(query * width, (query + 1) * width)
      for (let at = 0; at < values.length; at += width) {
        const worst = list[most - 1]?.distance ?? Number.POSITIVE_INFINITY
        const distance = Math.sqrt(squaredDistance(own, values, at))
        if (!(distance < worst)) continue
        const place = list.findIndex((other) => other.distance > distance)
        list.splice(place < 0 ? list.length : place, 0, { row: first + at / width, distance })
        list.length = Math.min(list.length, most)
      }
    }
  }
  return found
}

function squaredDistance(query: Float32Array, values: Float32Array, at: number): number {
  let sum = 0
  for (let i = 0; i < query.length; i++) {
    const difference = query[i]! - values[at + i]!
    sum += difference * difference
  }
  return sum
}
