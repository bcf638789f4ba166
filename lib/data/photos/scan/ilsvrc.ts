/**
 * ILSVRC's validation pictures. Their labels are numbers, one a line, in the order of the pictures. `map_clsloc.txt`
 * of the development kit maps them to classes: `n02119789 1 kit_fox`.
 */
import { DataError } from '../../dataset.ts'
import type { SourceFile, Tree } from '../files/tree.ts'
import type { Group, Item } from './listing.ts'
import type { Skipped } from './source.ts'

const PICTURE = /(^|\/)ILSVRC\d+_val_0*(\d+)\.\w+$/i
const TRUTH = /(^|\/)ILSVRC\d+_(clsloc_)?validation_ground_truth\.txt$/i
const MAP = /(^|\/)map_clsloc\.txt$/i

/**
 * Labels the validation part; undefined if it is not ILSVRC's, or there are no such labels.
 *
 * @throws DataError if there are labels, but no map of their numbers
 */
export async function groundTruth(
  tree: Tree,
  files: readonly SourceFile[],
  known: readonly string[]
): Promise<Group | undefined> {
  const truth = tree.files.find(({ name }) => TRUTH.test(name))
  if (!truth || !files.some(({ name }) => PICTURE.test(name))) return
  const map = tree.files.find(({ name }) => MAP.test(name))
  if (!map) {
    throw new DataError(
      `[photos] ${truth.name}: expected map_clsloc.txt of the development kit, which says what its` +
        ' numbers mean, got none; put it beside, or a list of lines' +
        ' `ILSVRC2012_val_00000001.JPEG n01751748` named val.txt'
    )
  }
  const lines = async (file: SourceFile) =>
    Buffer.from(await tree.read(file))
      .toString('utf8')
      .split(/\r?\n/)
  const wnids = new Map(
    (await lines(map)).map((line) => {
      const [wnid = '', id = ''] = line.trim().split(/\s+/)
      return [id, wnid]
    })
  )
  const labels = new Map(known.map((name, label) => [name, label]))
  const ids = await lines(truth)
  const items: Item[] = []
  const skipped: Skipped[] = []
  for (const file of files) {
    const number = PICTURE.exec(file.name)?.[2]
    if (number === undefined) continue
    const id = ids[Number(number) - 1]?.trim() ?? ''
    const wnid = wnids.get(id)
    const label = labels.get(wnid ?? '')
    if (label !== undefined) items.push({ file, label })
    else {
      const reason =
        id === ''
          ? `has no class: ${truth.name} has no line for it`
          : `its class ${wnid ?? id} is not in the training part`
      skipped.push({ file: file.name, reason })
    }
  }
  return { kind: "ILSVRC's validation part", classes: known, items, skipped, notes: [] }
}
