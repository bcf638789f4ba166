/** What a command line names more than once. */
import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'

/** Leaves out items whose key was there before. */
export function onceEach<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string
): { readonly kept: readonly Item[]; readonly again: readonly Item[] } {
  const seen = new Set<string>()
  const kept: Item[] = []
  const again: Item[] = []
  for (const item of items) {
    const key = keyOf(item)
    ;(seen.has(key) ? again : kept).push(item)
    seen.add(key)
  }
  return { kept, again }
}

/** The path of a file or folder, links resolved; of what is not there, its absolute path. */
export function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return resolve(path)
  }
}
