/** The result of `alexnode prepare`, as JSON and as text. */
import { resolve } from 'node:path'
import type { Prepared } from '../../data/photos/prepare/prepare.ts'
import { byReason } from '../../data/photos/prepare/reasons.ts'
import { foreign } from '../../util/foreign.ts'
import { count, counted, imageSize, mebibytes, pace } from '../shared/format.ts'
import { entry, onePiece } from '../shared/text.ts'

export interface PrepareResult extends Prepared {
  readonly out: string
  readonly seconds: number
}

export function resultJson({ manifest, resumed, out, seconds }: PrepareResult) {
  const { name, kind, form, height, width, channels, train, test, classes } = manifest
  const shards = [...train.shards, ...(test?.shards ?? [])]
  const images = train.images + (test?.images ?? 0)
  return {
    images,
    train: train.images,
    test: test?.images ?? 0,
    classes: classes.length,
    skipped: manifest.skipped,
    out: resolve(out),
    name,
    kind,
    form,
    height,
    width,
    channels,
    testing: manifest.testing,
    notes: manifest.notes,
    shards: shards.length,
    bytes: shards.reduce((sum, { bytes }) => sum + bytes, 0),
    resumed,
    seconds,
    images_per_s: seconds > 0 ? (images - resumed) / seconds : 0
  }
}

export function resultText(result: PrepareResult): string {
  const { manifest, out } = result
  const { name, kind, classes, skipped, notes, testing } = manifest
  const facts = resultJson(result)
  const form = manifest.form === 'raw' ? 'raw' : `JPEG ${manifest.quality}`
  const images = `${count(facts.train)}${manifest.test ? ` + ${count(facts.test)}` : ''}`
  const speed = facts.resumed < facts.images ? `, ${pace(facts.images_per_s)} images/s` : ''
  const files = `${counted(facts.shards, 'shard', 'shards')}, ${mebibytes(facts.bytes)}${speed}`
  return [
    entry('Prepared', `${foreign(name)}: ${kind}, ${counted(classes.length, 'class', 'classes')}`),
    entry('Images', `${images} of ${imageSize(manifest)}, ${form}`),
    entry('Test', foreign(testing)),
    ...(skipped.length > 0 ? [entry('Skipped', skippedText(skipped))] : []),
    ...notes.map((note) => entry('Note', foreign(note))),
    entry('Kept in', `${onePiece(out)}: ${files}`)
  ].join('\n')
}

function skippedText(skipped: Prepared['manifest']['skipped']): string {
  const lines = byReason(skipped).map((line) => foreign(line))
  return [`${count(skipped.length)} (dataset.json names all):`, ...lines].join('\n')
}
