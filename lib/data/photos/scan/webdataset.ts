/**
 * WebDataset's tars: a sample is a picture and files of the same name with other extensions, `0001.jpg` with `0001.cls`
 * (a number or a name) or `0001.json`. Format: webdataset's documentation, "The WebDataset Format".
 */
import { isObject } from '../../../util/files/json.ts'
import { counted, someOf } from '../../../util/words.ts'
import { isPictureName } from '../files/kinds.ts'
import type { SourceFile, Tree } from '../files/tree.ts'
import { meaningOf } from '../lists/numbers.ts'
import { decodeText } from '../lists/text.ts'
import { classList } from './beside.ts'
import type { Item, Listing } from './listing.ts'
import type { Skipped } from './source.ts'

/** Fields of `.json` that may be the class, the likely ones first. */
const FIELDS = ['label', 'cls', 'class', 'class_name', 'class_id', 'category', 'target'] as const
/** Larger files are no labels. */
const MAX_BYTES = 1 << 20

interface Sample {
  readonly file: SourceFile
  readonly label: string | undefined
}

/** Lists a tree of such samples; undefined if fewer than half of the pictures have a label beside. */
export async function webDataset(tree: Tree): Promise<Listing | undefined> {
  const beside = new Map<string, SourceFile>()
  for (const file of tree.files) {
    const { name, offset } = file
    // Beside pictures in folders such files are notes of other programs.
    if (offset === undefined) continue
    const [, stem = '', ending = ''] = /^(.*)\.(cls|json)$/i.exec(name) ?? []
    if (ending.toLowerCase() === 'cls' || (ending !== '' && !beside.has(stem)))
      beside.set(stem, file)
  }
  const pictures = tree.files.filter(({ name }) => isPictureName(name))
  const paired = pictures.filter(({ name }) => beside.has(stemOf(name)))
  if (paired.length === 0 || paired.length * 2 < pictures.length) return
  const samples: Sample[] = []
  const fields = new Set<string>()
  for (const file of pictures) {
    const text = beside.get(stemOf(file.name))
    samples.push({ file, label: text && (await labelOf(tree, text, fields)) })
  }
  const told = samples.filter(({ label }) => label !== undefined)
  if (told.length === 0) return
  const names = await classList(tree)
  const labels = told.map(({ label = '' }) => label)
  const meaning = meaningOf(labels, { list: 'the set', names })
  const parts = { train: [] as Item[], test: [] as Item[] }
  const skipped: Skipped[] = []
  for (const { file, label } of samples) {
    const place = label === undefined ? undefined : meaning.label(label)
    if (place !== undefined)
      parts[isTest(file.name) ? 'test' : 'train'].push({ file, label: place })
    else
      skipped.push({ file: file.name, reason: 'has no class: no .cls or .json beside tells one' })
  }
  // A set of tars that are all named like a test has no other part.
  const [train, test] = parts.train.length === 0 ? [parts.test, []] : [parts.train, parts.test]
  const json = [...fields]
  return {
    kind: 'tars of WebDataset',
    classes: meaning.classes,
    train,
    ...(test.length > 0 && { test }),
    skipped,
    notes: [
      ...(json.length > 0
        ? [`The field ${json.join(' or ')} of .json files is read as the class.`]
        : []),
      ...(test.length > 0
        ? [
            `${counted(test.length, 'picture')} of tars named val or test are the test part: ` +
              `${someOf([...new Set(test.map(({ file }) => topOf(file.name)))])}.`
          ]
        : []),
      ...meaning.notes
    ]
  }
}

/** A name without its last extension. */
const stemOf = (name: string) => name.slice(0, name.lastIndexOf('.'))
const topOf = (name: string) => name.slice(0, Math.max(0, name.indexOf('/')))
const isTest = (name: string) => /(^|[\W_])(val(id|idation)?|test)([\W_]|\d|$)/i.test(topOf(name))

async function labelOf(
  tree: Tree,
  file: SourceFile,
  fields: Set<string>
): Promise<string | undefined> {
  if (file.bytes > MAX_BYTES || file.fault !== undefined) return
  const text = decodeText(await tree.read(file)).trim()
  if (/\.cls$/i.test(file.name)) return text === '' ? undefined : text
  const value = parsed(text)
  if (!isObject(value)) return
  for (const field of FIELDS) {
    const label = value[field]
    if (typeof label !== 'string' && typeof label !== 'number') continue
    fields.add(field)
    return String(label)
  }
  return
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
