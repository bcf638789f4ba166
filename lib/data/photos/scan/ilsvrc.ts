/**
 * ILSVRC's validation pictures. Their labels are numbers, one a line, in the order of the pictures. The development kit
 * says what the numbers mean: in `meta.mat`, or in `map_clsloc.txt`, a line each: `n02119789 1 kit_fox`. The kit is read
 * unpacked, or as its .tar.gz.
 */
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { readMat } from '../../../util/files/mat.ts'
import { DataError } from '../../dataset.ts'
import { tarMembers } from '../files/tar.ts'
import type { SourceFile, Tree } from '../files/tree.ts'
import type { Group, Item } from './listing.ts'
import type { Skipped } from './source.ts'

const PICTURE = /(^|\/)ILSVRC\d+_val_0*(\d+)\.\w+$/i
const TRUTH = /(^|\/)ILSVRC\d+_(clsloc_)?validation_ground_truth\.txt$/i
const MAP = /(^|\/)map_clsloc\.txt$/i
const META = /(^|\/)meta\.mat$/i
const KIT = /(^|\/)ILSVRC\d+_devkit[^/]*\.(tar\.gz|tgz)$/i
/** True for the kit's archive, which is read. */
export const isKit = ({ name }: SourceFile) => KIT.test(name)

/** The kit of 2012 has 2.5 MB, and 13 MB unpacked. */
const MAX_KIT = 256 * 2 ** 20

const unzip = promisify(gunzip)

/** The files of the kit, by what they are. */
interface Kit {
  truth?: KitFile
  map?: KitFile
  meta?: KitFile
}

interface KitFile {
  readonly name: string
  read(): Promise<Uint8Array>
}

/**
 * Labels the validation part; undefined if it is not ILSVRC's, or there are no such labels.
 *
 * @throws DataError if there are labels, but nothing says what their numbers mean
 */
export async function groundTruth(
  tree: Tree,
  files: readonly SourceFile[],
  known: readonly string[]
): Promise<Group | undefined> {
  if (!files.some(({ name }) => PICTURE.test(name))) return
  const kit = kitOf(tree.files.map((file) => ({ name: file.name, read: () => tree.read(file) })))
  const packed = tree.files.find(({ name }) => KIT.test(name))
  const { truth, map, meta } = packed && !kit.truth ? kitOf(await unpacked(tree, packed)) : kit
  if (!truth) return
  const wnids = map ? await mapped(map) : meta ? await inMeta(meta) : undefined
  if (!wnids) {
    throw new DataError(
      `[photos] ${truth.name}: expected meta.mat or map_clsloc.txt of the development kit, which says what its` +
        ' numbers mean, got neither; put it beside, or a list of lines' +
        ' `ILSVRC2012_val_00000001.JPEG n01751748` named val.txt'
    )
  }
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
  const by = map ?? meta
  const note = `The labels of the validation part are those of ${truth.name}, whose numbers ${by?.name} names.`
  return { kind: "ILSVRC's validation part", classes: known, items, skipped, notes: [note] }
}

function kitOf(files: readonly KitFile[]): Kit {
  const find = (pattern: RegExp) => files.find(({ name }) => pattern.test(name))
  const [truth, map, meta] = [find(TRUTH), find(MAP), find(META)]
  return { ...(truth && { truth }), ...(map && { map }), ...(meta && { meta }) }
}

/** The files of the kit's archive. */
async function unpacked(tree: Tree, { fault: _, ...archive }: SourceFile): Promise<KitFile[]> {
  const bytes = await unzip(await tree.read(archive), { maxOutputLength: MAX_KIT }).catch(
    (cause: unknown) => {
      throw new DataError(
        `[photos] ${archive.name}: expected ILSVRC's development kit, gzipped, got a damaged file; fetch it again`,
        { cause }
      )
    }
  )
  const files: KitFile[] = []
  const read = async (into: Uint8Array, at: number) => bytes.copy(into, 0, at)
  for await (const member of tarMembers(read, archive.name, 0, bytes.length, () => {})) {
    const { kind, offset, truncated, bytes: size } = member
    if (kind !== 'file' || truncated) continue
    const name = `${archive.name}, ${member.name}`
    files.push({ name, read: async () => bytes.subarray(offset, offset + size) })
  }
  return files
}

const lines = async (file: KitFile) =>
  Buffer.from(await file.read())
    .toString('utf8')
    .split(/\r?\n/)

async function mapped(map: KitFile): Promise<Map<string, string>> {
  return new Map(
    (await lines(map)).map((line) => {
      const [wnid = '', id = ''] = line.trim().split(/\s+/)
      return [id, wnid]
    })
  )
}

/** The wnids by number in `synsets`, an array of structures with ILSVRC2012_ID and WNID. */
async function inMeta(meta: KitFile): Promise<Map<string, string>> {
  const synsets = (await readMat(Buffer.from(await meta.read()), meta.name)).get('synsets')
  const found = new Map<string, string>()
  for (const synset of Array.isArray(synsets) ? synsets : []) {
    if (typeof synset !== 'object' || Array.isArray(synset)) continue
    const { WNID, ...fields } = synset
    const [, id] = Object.entries(fields).find(([field]) => /^ILSVRC\d+_ID$/.test(field)) ?? []
    if (typeof WNID === 'string' && Array.isArray(id)) found.set(String(id[0]), WNID)
  }
  if (found.size > 0) return found
  throw new DataError(
    `[photos] ${meta.name}: expected 'synsets' with ILSVRC2012_ID and WNID, got none; take the meta.mat of the kit`
  )
}
