/**
 * Runs `work` on items concurrently, and yields the results in the order of the items. An error is thrown in its
 * turn. At the end, also an early one, all work that has begun is awaited.
 *
 * @param atOnce largest number of items at a time
 *
 * @example
 * for await (const text of ordered(paths, 8, (path) => readFile(path, 'utf8'))) console.log(text)
 */
export async function* ordered<Item, Result>(
  items: Iterable<Item>,
  atOnce: number,
  work: (item: Item) => Promise<Result>
): AsyncGenerator<Result> {
  const running: Promise<Result>[] = []
  const start = (item: Item) => {
    const result = work(item)
    // Awaited below, in its turn; until then a rejection must not count as unhandled.
    result.catch(() => {})
    running.push(result)
  }
  try {
    for (const item of items) {
      start(item)
      const first = running.length < atOnce ? undefined : running.shift()
      if (first) yield await first
    }
    for (let first = running.shift(); first; first = running.shift()) yield await first
  } finally {
    await Promise.allSettled(running)
  }
}
