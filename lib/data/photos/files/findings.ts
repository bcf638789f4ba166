/** What a walk left out, as notes for people. */
import { counted, someOf } from '../../../util/words.ts'

export class Findings {
  /** Empty folders. */
  readonly empty: string[] = []
  /** Links to a folder that contains them. */
  readonly cyclic: string[] = []
  /** Tars that may lack their last members. */
  readonly truncated: string[] = []
  /** Tars in the source that are damaged, and where. */
  readonly damaged: string[] = []
  /** Folders that are hidden, or of a system. */
  readonly hiddenFolders = new Set<string>()
  /** Hidden pictures outside of such folders. */
  readonly hiddenPictures: string[] = []
  /** Names that occur more than once in a tar. */
  readonly twice = new Set<string>()
  /** Files and folders whose names are not UTF-8. */
  readonly escaped: string[] = []

  notes(): string[] {
    const { empty, cyclic, truncated, damaged, hiddenPictures, twice, escaped } = this
    const folders = [...this.hiddenFolders]
    return [
      ...empty.sort().map((name) => `The folder ${name} is empty: it is no class.`),
      ...cyclic.sort().map((name) => `${name} is left out: it links to a folder that it lies in.`),
      ...truncated
        .sort()
        .map(
          (name) => `${name} has no end: it was cut short, and files that followed are missing.`
        ),
      ...damaged.sort(),
      ...note(folders, ['hidden folder', 'is left out'], ['hidden folders', 'are left out']),
      ...note(
        hiddenPictures,
        ['hidden picture', 'is left out'],
        ['hidden pictures', 'are left out']
      ),
      ...note(
        [...twice],
        ['name', 'occurs more than once in its tar, and the last one counts'],
        ['names', 'occur more than once in their tars, and the last ones count']
      ),
      ...note(
        escaped,
        ['name', 'is not UTF-8, its other bytes are written as \\xNN'],
        ['names', 'are not UTF-8, their other bytes are written as \\xNN']
      )
    ]
  }
}

type Words = readonly [noun: string, what: string]

function note(names: readonly string[], one: Words, many: Words): string[] {
  if (names.length === 0) return []
  const what = names.length === 1 ? one[1] : many[1]
  return [`${counted(names.length, one[0], many[0])} ${what}: ${someOf([...names].sort())}.`]
}
