/** A folder of classes: the first folder below the part's names the class, at any depth below. */

import { isPictureName } from '../files/kinds.ts'
import type { SourceFile } from '../files/tree.ts'
import type { Group, Item } from './listing.ts'
import type { Skipped } from './source.ts'

/** Groups a part's files by folder; undefined if none is in a folder. */
export function classFolders(
  files: readonly SourceFile[],
  prefix: string,
  known?: readonly string[]
): Group | undefined {
  const classOf = ({ name }: SourceFile) => {
    const slash = name.indexOf('/', prefix.length)
    return slash < 0 ? undefined : name.slice(prefix.length, slash)
  }
  const found = new Set(files.map(classOf))
  found.delete(undefined)
  if (found.size === 0) return
  const names = known ?? [...found].flatMap((name) => (name === undefined ? [] : [name])).sort()
  const labels = new Map(names.map((name, label) => [name, label]))
  const items: Item[] = []
  const skipped: Skipped[] = []
  for (const file of files) {
    const name = classOf(file)
    const label = name === undefined ? undefined : labels.get(name)
    if (label !== undefined) items.push({ file, label })
    else if (name !== undefined) {
      skipped.push({ file: file.name, reason: `its class ${name} is not in the training part` })
    } else if (file.fault !== undefined) {
      skipped.push({ file: file.name, reason: file.fault })
    } else if (isPictureName(file.name)) {
      skipped.push({
        file: file.name,
        reason: 'has no class: it lies beside the folders of classes'
      })
    }
  }
  return { kind: 'a folder of classes', classes: names, items, skipped }
}
