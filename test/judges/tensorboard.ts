/** Event files as TensorBoard reads them, and as it shows them in Chromium. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { chromium } from 'playwright-core'
import { digestFile } from '../../lib/util/files/bytes.ts'
import { readSafetensors } from '../../lib/util/files/safetensors.ts'
import { findChromium } from '../browser-parts.ts'
import { freePort } from '../free-port.ts'
import { runProgram } from '../programs.ts'
import { writeFixed } from '../tensorboard-events.ts'
import type { Check } from './check.ts'
import { NoJudgeError, run } from './environments.ts'

/** What TensorBoard reads of one tag. */
interface Tag {
  readonly plugin: string
  readonly steps: readonly number[]
  readonly values?: readonly number[]
  readonly buckets?: readonly (readonly (readonly [number, number, number])[])[]
  readonly sizes?: readonly (readonly [width: number, height: number, pictures: number])[]
  readonly png?: boolean
  readonly texts?: readonly string[]
  readonly content?: object
}

export interface TensorboardAnswer {
  readonly versions: Readonly<Record<string, string>>
  /** Of the file that was read, where it is the same everywhere. */
  readonly sha256?: string
  readonly tags: Readonly<Record<string, Tag>>
  readonly graph: readonly {
    readonly name: string
    readonly op: string
    readonly inputs: readonly string[]
    readonly output: readonly number[]
    readonly options: readonly string[]
  }[]
}

/** What TensorBoard reads in a folder. */
async function read(python: string, folder: string): Promise<TensorboardAnswer> {
  const place = await mkdtemp(join(tmpdir(), 'alexnode-read-'))
  try {
    const answer = join(place, 'answer.json')
    await run(python, [join(import.meta.dirname, 'tensorboard_read.py'), folder, answer])
    return JSON.parse(readFileSync(answer, 'utf8'))
  } finally {
    await rm(place, { recursive: true })
  }
}

/** What TensorBoard reads of the events that are the same everywhere. */
export async function theirs(python: string): Promise<TensorboardAnswer> {
  const folder = await mkdtemp(join(tmpdir(), 'alexnode-fixed-'))
  try {
    const { sha256 } = await digestFile(await writeFixed(folder))
    return { sha256, ...(await read(python, folder)) }
  } finally {
    await rm(folder, { recursive: true })
  }
}

const same = (name: string, holds: boolean): Check => ({
  name: `TensorBoard: ${name}`,
  error: holds ? 0 : 1,
  bound: 0
})

const program = 'lib/cli/main.ts'
const train = (out: string, ...more: readonly string[]) =>
  runProgram(program, [
    ...['train', '--data', 'shapes', '--net', 'cifar', '--batch', '16', '--threads', '2'],
    ...['--validate-every', '8', '--test-images', '40', '--tensorboard', '--out', out, ...more]
  ])

/** A run that was resumed: every step once, as in its log. */
export async function* judgeTensorboard(python: string, kept: unknown): AsyncGenerator<Check> {
  const fixed = await theirs(python)
  yield same('the events that are kept', JSON.stringify(fixed) === JSON.stringify(kept))
  const folder = await mkdtemp(join(tmpdir(), 'alexnode-board-'))
  try {
    const out = join(folder, 'a run')
    const first = await train(out, '--steps', '16', '--no-test')
    const second = await train(out, '--steps', '24', '--resume')
    yield same('a run, and its end', first.code === 0 && second.code === 0)
    const found = await read(python, out)
    yield* checksOf(found, out)
    yield* judgeShown(python, folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function* checksOf({ tags, graph }: TensorboardAnswer, out: string): AsyncGenerator<Check> {
  const log: Record<string, number>[] = readFileSync(join(out, 'log.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const steps = log.filter(({ loss }) => loss !== undefined)
  const equal = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)
  const rounded = (values: readonly (number | undefined)[]) =>
    values.map((v) => Math.fround(v ?? 0))
  const numbers = steps.map(({ step }) => step)
  yield same('each step once', numbers.length === 24 && equal(tags['loss/train']?.steps, numbers))
  const of = (tag: string, key: string, lines = steps) =>
    same(`${tag} as in the log`, equal(tags[tag]?.values, rounded(lines.map((line) => line[key]))))
  yield of('loss/train', 'loss')
  yield of('top1/train', 'top1')
  yield of('rate', 'lr')
  const validations = log.filter(({ validation_loss: loss }) => loss !== undefined)
  yield of('loss/validation', 'validation_loss', validations)
  const weights = tags['weights/conv1.weight']
  const counted = weights?.buckets?.map((list) => list.reduce((sum, [, , count]) => sum + count, 0))
  const { 'conv1.weight': first } = (await readSafetensors(join(out, 'weights.safetensors')))
    .tensors
  const size = first?.shape.reduce((all, one) => all * one, 1)
  yield same('histograms of all weights', equal(weights?.steps, [8, 16, 24]))
  yield same('each weight counted', equal(counted, [size, size, size]))
  yield same('gradients', tags['gradients/fc8.weight']?.steps.length === 3)
  yield same('filters as PNG', tags['filters/conv1']?.png === true)
  yield same('worst predictions', (tags['worst predictions/images']?.sizes?.[0]?.[2] ?? 0) > 1)
  yield same('the graph', graph.at(-1)?.output.length === 2)
  yield same(
    'hyper-parameters',
    JSON.stringify(tags['_hparams_/session_start_info']).includes('"seed"')
  )
}

/** A real TensorBoard in Chromium. */
async function* judgeShown(python: string, folder: string): AsyncGenerator<Check> {
  const executablePath = findChromium()
  if (executablePath === undefined) throw new NoJudgeError('there is no Chromium')
  const port = await freePort()
  const args = ['-m', 'tensorboard.main', '--logdir', folder, '--port', String(port)]
  const server = spawn(python, [...args, '--host', '127.0.0.1'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    cwd: dirname(folder)
  })
  const ended = once(server, 'close')
  let said = ''
  try {
    for await (const text of server.stderr) {
      said += String(text)
      if (said.includes('http://')) break
    }
    const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
    try {
      const page = await browser.newPage({ viewport: { width: 1400, height: 1000 } })
      const shows = async (where: string, selector: string, filter = '') => {
        // The part behind # alone would not load the page again.
        await page.goto('about:blank')
        await page.goto(`http://127.0.0.1:${port}/?tagFilter=${filter}#${where}`)
        const found = page.locator(selector).filter({ visible: true }).first()
        const shown = await found.waitFor({ timeout: 30_000 }).then(
          () => true,
          () => false
        )
        const file = process.env.TENSORBOARD_SCREENSHOTS
        if (file) await page.screenshot({ path: join(file, `${where}.png`) })
        return same(`Chromium shows ${where}`, shown)
      }
      yield await shows('timeseries', 'text=loss/train', 'loss')
      yield await shows('histograms', 'text=conv1.weight')
      yield await shows('images', 'text=filters')
      yield await shows('graphs', '[data-name="conv1"]')
      yield await shows('hparams', 'text=batch')
      yield await shows('text', 'text=worst predictions')
    } finally {
      await browser.close()
    }
  } finally {
    server.kill()
    await ended
  }
}
