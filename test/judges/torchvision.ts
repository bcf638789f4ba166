/** From the same file to the same logits: photographs as torchvision resizes, crops and classifies them. */
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { decodePhoto } from '../../lib/data/photos/decode.ts'
import type { Device } from '../../lib/engine/device.ts'
import { saveWeights, torchvision } from '../../lib/index.ts'
import { evenStart } from '../../lib/net/models/start.ts'
import type { Net } from '../../lib/net/net.ts'
import { outputs } from '../../lib/use/outputs.ts'
import { photoFiles } from '../../lib/use/photo-files.ts'
import type { Check } from './check.ts'
import { run } from './environments.ts'

const statistics = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }
const input = { fit: 'crop', mean: 'channel', divide: 'std' } as const

/** Pictures that are drawn, as [width, height, rows, columns]. The last ones are stretched. */
export const sizes: readonly (readonly [number, number, number, number])[] = [
  [61, 40, 32, 32],
  [40, 61, 32, 32],
  [97, 33, 32, 32],
  [33, 98, 32, 32],
  [20, 11, 32, 32],
  [32, 32, 32, 32],
  [301, 233, 32, 32],
  [64, 48, 24, 40],
  [30, 50, 24, 40]
]

/** Digests of drawn pictures: the same pixels as in torchvision_photos.py. */
export async function drawn(): Promise<string[]> {
  const found: string[] = []
  for (const [width, height, rows, columns] of sizes) {
    const pixels = Uint8Array.from(
      { length: width * height * 3 },
      (_, i) => (i * i * 7 + i * 13) % 251
    )
    const png = await sharp(pixels, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer()
    const fit = rows === columns ? 'crop' : 'warp'
    const size = { height: rows, width: columns }
    found.push(digest((await decodePhoto(png, { size, fit, filter: 'bilinear' })).data))
  }
  return found
}

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex').slice(0, 16)

/** What was found of a photograph. */
export interface Answer {
  /** Digest of its 224×224 pixels. */
  readonly pixels: string
  /** One a class. */
  readonly logits: readonly number[]
}

/** The net, with weights by seed; its last layer is scaled so that logits differ as those of a trained net do. */
export async function seeded(device: Device): Promise<Net> {
  const definition = evenStart(torchvision())
  const net = await definition.build(device, { batch: 16, training: false, seed: 3 })
  const weights = await net.parameters.export(net.stream)
  const head = weights.get('fc8.weight')
  if (head) weights.set('fc8.weight', { ...head, data: head.data.map((value) => value * 8) })
  await net.parameters.import(net.stream, weights)
  return net
}

/** Our logits of the photographs, by file. */
export async function ours(
  net: Net,
  folder: string,
  names: readonly string[]
): Promise<ReadonlyMap<string, Answer>> {
  const files = names.map((name) => join(folder, name))
  const form = { height: 256, width: 256, channels: 3, filter: 'bilinear' } as const
  const classes = Array.from({ length: net.classes }, (_, i) => String(i))
  const set = { ...photoFiles(files, form), ...statistics, classes }
  const found = new Map<string, Answer>()
  for await (const { first, rows, values } of outputs(net, set, { input })) {
    for (let row = 0; row < rows; row++) {
      const logits = [...values.subarray(row * net.classes, (row + 1) * net.classes)]
      const name = names[first + row] ?? ''
      found.set(name, { pixels: await pixelsOf(join(folder, name)), logits })
    }
  }
  return found
}

/** The digest of a photograph's 224×224 pixels. */
export async function pixelsOf(path: string): Promise<string> {
  return digest(centre((await decodePhoto(path, { filter: 'bilinear' })).data))
}

/** The middle 224×224 of 256×256 pixels. */
function centre(data: Uint8Array): Uint8Array {
  const rows = Array.from({ length: 224 }, (_, y) => {
    const from = ((y + 16) * 256 + 16) * 3
    return data.subarray(from, from + 224 * 3)
  })
  return Buffer.concat(rows)
}

/** torchvision's answers. */
export interface Theirs {
  readonly versions: string
  readonly photographs: Readonly<Record<string, Answer>>
  readonly drawn: readonly string[]
}

/** Asks torchvision, in a Python that has it. */
export async function theirs(python: string, net: Net, folder: string): Promise<Theirs> {
  const scratch = await mkdtemp(join(tmpdir(), 'alexnode-torchvision-'))
  try {
    const [weights, answer] = [join(scratch, 'weights.safetensors'), join(scratch, 'answer.json')]
    await saveWeights(net, weights)
    const script = join(import.meta.dirname, 'torchvision_photos.py')
    await run(python, [script, weights, folder, answer, JSON.stringify(sizes)])
    return JSON.parse(await readFile(answer, 'utf8'))
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** The largest and the second largest, and which is the largest. */
function top(logits: readonly number[]) {
  const sorted = [...logits].sort((a, b) => b - a)
  const [first = Number.NaN, second = Number.NaN] = sorted
  return {
    place: logits.indexOf(first),
    margin: first - second,
    range: first - (sorted.at(-1) ?? Number.NaN)
  }
}

/** Classes whose logits are kept. */
export const keptPlaces = [0, 111, 333, 555, 999]

/** What is kept of torchvision's answers. */
export interface Kept {
  readonly versions: string
  readonly drawn: readonly string[]
  readonly photographs: Readonly<
    Record<
      string,
      {
        readonly pixels: string
        /** Of `keptPlaces`. */
        readonly logits: readonly number[]
        /** The class of the largest logit, and its distance from the second. */
        readonly first: number
        readonly margin: number
        /** Between the largest logit and the smallest. */
        readonly range: number
      }
    >
  >
}

/** The small part of answers that `npm test` compares with. */
export function keptOf({ versions, drawn, photographs }: Theirs): Kept {
  const rounded = (value: number) => Number(value.toPrecision(6))
  const all = Object.entries(photographs).map(([name, { pixels, logits }]) => {
    const { place, margin, range } = top(logits)
    const some = keptPlaces.map((at) => rounded(logits[at] ?? Number.NaN))
    const numbers = { first: place, margin: rounded(margin), range: rounded(range) }
    return [name, { pixels, logits: some, ...numbers }] as const
  })
  return { versions, drawn, photographs: Object.fromEntries(all) }
}

/** Compares live. `keep` gets what `npm test` is to compare with. */
export async function* judgeTorchvision(
  python: string,
  device: Device,
  folder: string,
  keep?: (kept: Kept) => Promise<void>
): AsyncGenerator<Check> {
  await using net = await seeded(device)
  const wanted = await theirs(python, net, folder)
  const found = await drawn()
  const differ = found.filter((one, i) => one !== wanted.drawn[i]).length
  const whole = wanted.drawn.length === found.length && found.length > 0
  yield { name: 'torchvision, drawn pictures that differ', error: whole ? differ : 1, bound: 0 }
  const names = Object.keys(wanted.photographs)
  yield* checksOf(await ours(net, folder, names), wanted.photographs)
  await keep?.(keptOf(wanted))
}

/** Agreement of one percent of the logits' range, and of the first class where its margin is larger. */
export function checksOf(
  found: ReadonlyMap<string, Answer>,
  wanted: Readonly<Record<string, Answer>>
): Check[] {
  const names = Object.keys(wanted)
  let [worst, wrong, pixels] = [names.length === 0 ? Number.NaN : 0, 0, 0]
  for (const name of names) {
    const { logits, ...one } = found.get(name) ?? { pixels: 'none', logits: [] }
    const other = wanted[name] ?? { pixels: '', logits: [] }
    const { place, margin, range } = top(other.logits)
    for (const [i, value] of other.logits.entries()) {
      const off = Math.abs((logits[i] ?? Number.NaN) - value) / range
      if (!(off <= worst)) worst = off
    }
    if (margin > range / 100 && top(logits).place !== place) wrong++
    if (one.pixels !== other.pixels) pixels++
  }
  const what = `torchvision, ${names.length} photographs`
  return [
    { name: `${what}: pixels that differ`, error: pixels, bound: 0 },
    { name: `${what}: logits, as a share of their range`, error: worst, bound: 0.01 },
    { name: `${what}: another first class`, error: wrong, bound: 0 }
  ]
}
