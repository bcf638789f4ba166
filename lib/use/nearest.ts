/** Images whose features lie nearest, by Euclidean distance: the paper's figure 4. */

/** A row of a matrix of features. */
export interface Neighbour {
  readonly row: number
  readonly distance: number
}

/**
 * For each query the nearest rows, the nearest first; of equally near ones the first in the matrix.
 *
 * @param queries [queries, width]
 * @param rows of the matrix, a few at a time
 * @param most how many for each
 */
export async function nearest(
  queries: Float32Array,
  width: number,
  rows: AsyncIterable<{ readonly first: number; readonly values: Float32Array }>,
  most: number
): Promise<readonly (readonly Neighbour[])[]> {
  const found: Neighbour[][] = Array.from({ length: queries.length / width }, () => [])
  for await (const { first, values } of rows) {
    for (const [query, list] of found.entries()) {
      const own = queries.subarray(query * width, (query + 1) * width)
      for (let at = 0; at < values.length; at += width) {
        const worst = list[most - 1]?.distance ?? Number.POSITIVE_INFINITY
        const distance = Math.sqrt(squared(own, values, at))
        if (!(distance < worst)) continue
        const place = list.findIndex((other) => other.distance > distance)
        list.splice(place < 0 ? list.length : place, 0, { row: first + at / width, distance })
        list.length = Math.min(list.length, most)
      }
    }
  }
  return found
}

function squared(query: Float32Array, values: Float32Array, at: number): number {
  let sum = 0
  for (let i = 0; i < query.length; i++) {
    const difference = query[i]! - values[at + i]!
    sum += difference * difference
  }
  return sum
}
