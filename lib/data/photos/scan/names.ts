/** Pictures whose names begin with the class, as ILSVRC's: n01440764_tench.JPEG. */

import { isPicture } from '../files/kinds.ts'
import type { SourceFile } from '../files/tree.ts'
import type { Group, Item } from './listing.ts'
import type { Skipped } from './source.ts'

const pattern = /^(n\d{8})_(.+)\.\w+$/

/** Groups a part's files by the class in their names; undefined if most have none. */
export function classNames(
  files: readonly SourceFile[],
  prefix: string,
  known?: readonly string[]
): Group | undefined {
  const pictures = files.filter(isPicture)
  const parsed = pictures.map((file) => ({
    file,
    found: pattern.exec(file.name.slice(prefix.length))
  }))
  if (parsed.filter(({ found }) => found).length * 2 <= pictures.length) return

  // If all pictures of a class have the same word after the number, the class is named by both.
  const words = new Map<string, string | undefined>()
  for (const { found } of parsed) {
    const [, wnid = '', rest = ''] = found ?? []
    if (!found) continue
    const word = /^\d+$/.test(rest) || (words.has(wnid) && words.get(wnid) !== rest)
    words.set(wnid, word ? undefined : rest)
  }
  const full = new Map(
    [...words].map(([wnid, word]) => [wnid, word === undefined ? wnid : `${wnid}_${word}`])
  )
  const classes = known ?? [...full.values()].sort()
  const labels = new Map(classes.map((name, label) => [name, label]))
  const items: Item[] = []
  const skipped: Skipped[] = []
  for (const { file, found } of parsed) {
    const wnid = found?.[1] ?? ''
    const label = labels.get(wnid) ?? labels.get(full.get(wnid) ?? '')
    if (label !== undefined) items.push({ file, label })
    else {
      const reason = found
        ? `its class ${wnid} is not in the training part`
        : 'has no class: its name does not begin like n01440764_'
      skipped.push({ file: file.name, reason })
    }
  }
  return { kind: 'pictures named by their class', classes, items, skipped, notes: [] }
}
