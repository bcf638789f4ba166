// Event files: their bytes are those that TensorBoard has read (`npm run judges`), and a run's hold each step once.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { eventFiles } from '../lib/use/tensorboard/event-file.ts'
import { histogramOf } from '../lib/use/tensorboard/histogram.ts'
import { WorstPredictions } from '../lib/use/tensorboard/worst.ts'
import { digestFile } from '../lib/util/files/bytes.ts'
import { crc32c } from '../lib/util/files/crc32c.ts'
import { keptFolder } from './judges/kept.ts'
import type { TensorboardAnswer } from './judges/tensorboard.ts'
import { runProgram } from './programs.ts'
import { eventsOf, fixed, recordsOf, writeFixed } from './tensorboard-events.ts'

const dir = t.testdir()
const program = 'lib/cli/main.ts'
/** Without line ends, whose places depend on the paths. */
const flat = (text: string) => text.replaceAll(/\s+/g, ' ')

t.test('CRC-32C of RFC 3720, B.4', async (t) => {
  const ascending = Uint8Array.from({ length: 32 }, (_, i) => i)
  t.equal(crc32c([new Uint8Array(32)]), 0x8a9136aa)
  t.equal(crc32c([new Uint8Array(32).fill(255)]), 0x62a8ab43)
  t.equal(crc32c([ascending]), 0x46dd794e)
  t.equal(crc32c([ascending.subarray(0, 5), ascending.subarray(5)]), 0x46dd794e, 'in parts')
})

t.test('what TensorBoard reads', async (t) => {
  const path = await writeFixed(join(dir, 'fixed'))
  const kept: TensorboardAnswer = JSON.parse(
    readFileSync(join(keptFolder, 'tensorboard.json'), 'utf8')
  )
  t.equal((await digestFile(path)).sha256, kept.sha256, 'it has read these bytes')
  const { loss, images, weights, text, ...others } = kept.tags
  t.match(loss, { plugin: 'scalars', steps: [1, 2, 3], values: fixed.loss })
  t.match(images, { plugin: 'images', sizes: [[1, 1, 2]], png: true })
  t.match(text, { plugin: 'text' })
  t.notMatch(text?.texts?.[0], /[<>*|]/, 'nothing in it is markup')
  const { limits, counts } = await histogramOf(fixed.values)
  t.strictSame(
    weights?.buckets?.[0]?.map(([, , count]) => count),
    counts
  )
  t.strictSame(weights?.buckets?.[0]?.at(-1)?.[1], 3, 'to the largest value')
  t.ok(limits.every((limit, i) => i === 0 || limit > (limits[i - 1] ?? 0)))
  t.match(others['_hparams_/session_start_info']?.content, {
    sessionStartInfo: { hparams: fixed.settings }
  })
  t.match(others['_hparams_/session_end_info']?.content, {
    sessionEndInfo: { status: 'STATUS_SUCCESS' }
  })
  t.match(kept.graph.slice(0, 2), [
    { name: 'input', output: [4, 3, 28, 28] },
    { name: 'conv1/conv2d', op: 'conv2d', inputs: ['input'], options: Array }
  ])
})

t.test('a damaged record is seen by the reader of these tests', async (t) => {
  const path = await writeFixed(join(dir, 'damaged'))
  t.ok(recordsOf(path).length > 5)
  const bytes = readFileSync(path)
  bytes[40]! ^= 1
  writeFileSync(path, bytes)
  t.throws(() => recordsOf(path), /wrong CRCs/)
})

t.test('a histogram of many values', async (t) => {
  const values = Float32Array.from({ length: 600_000 }, (_, i) => Math.sin(i) * 1e-3)
  const { min, max, count, sum, sumOfSquares, limits, counts } = await histogramOf(values)
  t.equal(count, values.length)
  t.equal(
    counts.reduce((all, one) => all + one),
    values.length
  )
  t.ok(Math.abs(min + 1e-3) < 1e-6 && Math.abs(max - 1e-3) < 1e-6)
  t.ok(Math.abs(sum) < 1e-2)
  t.ok(Math.abs(sumOfSquares / count - 0.5e-6) < 1e-9)
  t.equal(
    values.filter((value) => value >= 0).length,
    counts.reduce((all, one, i) => all + ((limits[i] ?? 0) > 0 ? one : 0), 0)
  )
})

t.test('the worst predictions', async (t) => {
  const worst = new WorstPredictions()
  worst.add({
    first: 0,
    numbers: Uint32Array.of(4, 5, 6),
    labels: Int32Array.of(0, 1, 1),
    probabilities: Float32Array.of(0.25, 0.75, 0.75, 0.25, 0, 1)
  })
  t.match(worst.take(), [
    { image: 4, truth: 0, predicted: 1, probability: 0.25, most: 0.75 },
    { image: 5, truth: 1, predicted: 0, probability: 0.25 }
  ])
  t.strictSame(worst.take(), [])
})

t.test('a run that is resumed', async (t) => {
  const out = join(dir, 'run')
  const train = (...more: string[]) =>
    runProgram(program, [
      ...['train', '--data', 'shapes', '--net', 'cifar', '--batch', '16', '--threads', '1'],
      ...[
        '--no-test',
        '--validate-every',
        '2',
        '--test-images',
        '20',
        '--clip-norm',
        '5',
        '--tensorboard'
      ],
      ...more
    ])
  const first = await train('--out', out, '--steps', '4', '--checkpoint-every', '2')
  t.match(first, { code: 0, out: /tensorboard --logdir\s+\S*run/ }, first.err)
  // As if it had been killed after step 3.
  rmSync(join(out, 'checkpoint-00000004'), { recursive: true })
  const second = await train('--out', out, '--steps', '6', '--resume')
  t.match(second, { code: 0 }, second.err)
  const files = await eventFiles(out)
  t.equal(files.length, 2)
  const [before = [], after = []] = await Promise.all(
    files.map((name) => eventsOf(join(out, name)))
  )
  const stepsOf = (events: typeof before) =>
    events.filter(({ tags }) => tags.includes('loss/train')).map(({ step }) => step)
  t.strictSame(stepsOf(before), [1, 2, 3, 4])
  t.strictSame(stepsOf(after), [3, 4, 5, 6])
  t.strictSame(
    after.filter(({ restarts }) => restarts).map(({ step }) => step),
    [3],
    'steps from 3 on are taken back'
  )
  const tags = new Set(after.flatMap(({ tags }) => tags))
  for (const tag of [
    ...['loss/train', 'top1/validation', 'rate', 'speed/images per second', 'gradient norm'],
    ...['weights/conv1.weight', 'gradients/conv1.weight', 'filters/conv1'],
    ...['worst predictions/images', '_hparams_/session_start_info', '_hparams_/session_end_info']
  ]) {
    t.ok(tags.has(tag), tag)
  }

  const other = await train('--tensorboard', out, '--out', join(dir, 'other'), '--steps', '1')
  t.equal(other.code, 2)
  t.match(flat(other.err), /expected a folder without event files for a new run/)
})

t.test('a disk that refuses does not end the run', async (t) => {
  const out = join(dir, 'refused')
  const ended = await runProgram(program, [
    ...['train', '--data', 'shapes', '--net', 'cifar', '--batch', '16', '--threads', '1'],
    ...['--no-test', '--steps', '2', '--out', out, '--tensorboard', '/proc/x']
  ])
  t.match(ended, { code: 0, out: /TensorBoard gets nothing more, and training goes on/ }, ended.err)
})
