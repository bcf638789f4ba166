/** Many things at once, in order. */

/**
 * Runs `work` on items, so many at a time, and gives what comes of them in the items' order. A
 * failure is thrown in its turn; then, and where the caller stops early, what was begun is awaited.
 *
 * @example
 * for await (const text of ordered(paths, 8, (path) => readFile(path, 'utf8'))) console.log(text)
 */
export async function* ordered<Item, Result>(
  items: Iterable<Item>,
  atOnce: number,
  work: (item: Item) => Promise<Result>
): AsyncGenerator<Result> {
  const flying: Promise<Result>[] = []
  const launch = (item: Item) => {
    const flight = work(item)
    // It is awaited in its turn; until then a failure is nobody's.
    flight.catch(() => {})
    flying.push(flight)
  }
  try {
    for (const item of items) {
      launch(item)
      const first = flying.length < atOnce ? undefined : flying.shift()
      if (first) yield await first
    }
    for (let first = flying.shift(); first; first = flying.shift()) yield await first
  } finally {
    await Promise.allSettled(flying)
  }
}
