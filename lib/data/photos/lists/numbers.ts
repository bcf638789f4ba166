/** What the labels of a list mean: names of classes, or numbers. One meaning holds for the whole list. */

import { counted, someOf } from '../../../util/words.ts'
import { DataError } from '../../dataset.ts'
import type { ClassList } from './class-list.ts'

/** The classes of a list, and how its labels name them. */
export interface Meaning {
  readonly classes: readonly string[]
  /** The class of a label; undefined if it is none of them. */
  label(text: string): number | undefined
  /** How numbers were read. */
  readonly notes: readonly string[]
  /** Why the labels cannot be read. Then none has a class. */
  readonly refused?: string
}

/** Options of `meaningOf`. */
export interface MeaningOptions {
  /** The list's name, for messages. */
  readonly list: string
  /** Classes of the training part, if they are known already. */
  readonly known?: readonly string[] | undefined
  /** Names of numbered classes. */
  readonly names?: ClassList | undefined
}

/** Larger class numbers are taken for mistakes. */
const MAX_CLASSES = 1_000_000

/**
 * Tells what labels mean.
 *
 * @throws DataError for a class number that is too large
 */
export function meaningOf(labels: Iterable<string>, options: MeaningOptions): Meaning {
  const { list, known, names } = options
  const found = [...new Set(labels)]
  const numeric = found.length > 0 && found.every((label) => /^\d+$/.test(label))
  if (!numeric) return named(known ?? found.sort())
  const numbers = [...new Set(found.map(Number))].sort((a, b) => a - b)
  const most = numbers.at(-1) ?? 0
  if (most >= MAX_CLASSES) {
    throw new DataError(
      `[photos] ${list}: expected class numbers below ${MAX_CLASSES}, got ${most}; correct the line`
    )
  }
  if (known) return placed(numbers, known, list)
  if (names) {
    const meaning = numbered(numbers, names, list)
    if (meaning.refused === undefined) return meaning
    const own = ownNumbers(numbers, list)
    return { ...own, notes: [`${meaning.refused}: the numbers are the names.`, ...own.notes] }
  }
  return ownNumbers(numbers, list)
}

/** Labels are names. A name that several classes have is none of them. */
function named(classes: readonly string[]): Meaning {
  const places = new Map<string, number>()
  const twice = new Set<string>()
  for (const [place, name] of classes.entries()) {
    if (places.has(name)) twice.add(name)
    places.set(name, place)
  }
  for (const name of twice) places.delete(name)
  const notes = [...twice].map(
    (name) => `Several classes are named ${name}: a list cannot tell which.`
  )
  return { classes, label: (text) => places.get(text), notes }
}

/** Numbers where the classes are known: all are names, or all are places among the sorted names. */
function placed(numbers: readonly number[], known: readonly string[], list: string): Meaning {
  const byNumber = new Map(
    known.flatMap((name, place) => (/^\d+$/.test(name) ? [[Number(name), place] as const] : []))
  )
  const most = numbers.at(-1) ?? 0
  const areNames = numbers.every((number) => byNumber.has(number))
  const from = most < known.length ? 0 : 1
  const arePlaces = numbers[0] !== undefined && numbers[0] >= from && most - from < known.length
  const isName = areNames || (!arePlaces && byNumber.size === known.length)
  const label = (text: string) => (isName ? byNumber.get(Number(text)) : Number(text) - from)
  const meaning = { classes: known, label }
  if (isName) {
    const differ = numbers.filter((number) => byNumber.get(number) !== number - from)
    if (!arePlaces || differ.length === 0) return { ...meaning, notes: [] }
    const note =
      `The numbers in ${list} are read as names of classes. As places among the sorted classes ` +
      `they would fit, too, and ${counted(differ.length, 'number')} would differ.`
    return { ...meaning, notes: [note] }
  }
  if (arePlaces) return { ...meaning, notes: placeNotes(numbers, known, from, list) }
  return {
    classes: known,
    label: () => undefined,
    notes: [],
    refused:
      `${list} numbers classes up to ${most}, and there are ${known.length}: what its numbers mean` +
      ' cannot be told'
  }
}

/** Numbers with a list of names. */
function numbered(numbers: readonly number[], list: ClassList, name: string): Meaning {
  const { names, first } = list
  const most = numbers.at(-1) ?? 0
  const from = first ?? (most < names.length ? 0 : 1)
  const fits = numbers[0] !== undefined && numbers[0] >= from && most - from < names.length
  const label = (text: string) => Number(text) - from
  const said =
    first === undefined ? placeNotes(numbers, names, from, name) : gaps(numbers, names, from, name)
  const refused = `${list.file} names ${names.length} classes, and ${name} numbers them up to ${most}`
  return { classes: names, label, notes: fits ? said : [], ...(!fits && { refused }) }
}

/** Notes on numbers that are places: counted from 1, or perhaps so, or with gaps. */
function placeNotes(
  numbers: readonly number[],
  classes: readonly string[],
  from: number,
  list: string
): string[] {
  const one = classes[0]
  const notes: string[] = []
  if (from === 1) {
    notes.push(
      `The numbers in ${list} run to ${numbers.at(-1)}, so that they count from 1: 1 is ${one}.` +
        ` Counted from 0, ${numbers.at(-1)} would be no class.`
    )
  } else if (!numbers.includes(0)) {
    notes.push(
      `The numbers in ${list} are counted from 0, which does not occur: 0 is ${one}. Counted from 1` +
        ' they would fit, too, and all would differ.'
    )
  }
  return [...notes, ...gaps(numbers, classes, from, list)]
}

function gaps(
  numbers: readonly number[],
  classes: readonly string[],
  from: number,
  list: string
): string[] {
  const there = new Set(numbers)
  const missing = classes.flatMap((name, place) => {
    const number = place + from
    // 0 has its note already.
    return there.has(number) || number === 0 ? [] : [`${number} (${name})`]
  })
  return absent(missing, list)
}

function absent(missing: readonly string[], list: string): string[] {
  if (missing.length === 0) return []
  const verb = missing.length === 1 ? 'does' : 'do'
  return [
    `${counted(missing.length, 'number')} of classes ${verb} not occur in ${list}: ${someOf(missing)}.`
  ]
}

/** Numbers that are names: all from the first to the last, unless most of them do not occur. */
function ownNumbers(numbers: readonly number[], list: string): Meaning {
  const most = numbers.at(-1) ?? 0
  const from = numbers[0] === 0 ? 0 : 1
  const count = most + 1 - from
  if (numbers.length * 2 < count) {
    const places = new Map(numbers.map((number, place) => [number, place]))
    const note =
      `${counted(numbers.length, 'number')} up to ${most} occur in ${list}: each is a class, and the` +
      ` ${count - numbers.length} between them are none.`
    return {
      classes: numbers.map(String),
      label: (text) => places.get(Number(text)),
      notes: [note]
    }
  }
  const classes = Array.from({ length: count }, (_, place) => String(place + from))
  const there = new Set(numbers)
  const missing = classes.filter((name) => !there.has(Number(name)))
  const notes = [
    ...(from === 1
      ? [`The numbers in ${list} run from 1 to ${most}: class 1 is the first, there is no 0.`]
      : []),
    ...absent(missing, list)
  ]
  return { classes, label: (text) => Number(text) - from, notes }
}
