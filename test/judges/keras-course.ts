/**
 * The walk-through's Keras program for as many batches as one has time for, here and then in Keras:
 *
 *     ALEXNODE_DATA=FOLDER npm run judges:course -- [--batches 468] [--threads N]
 *
 * Each draws its own images and weights: what is compared is how well both learn. Both files of weights are then tested
 * here on all 10,000 test images. The result is kept in test/judges/kept/keras-course.json. The whole program is 9,360
 * batches, which take hours.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { whole } from '../../bench/options.ts'
import { evaluate, fashionMnist, open } from '../../lib/index.ts'
import { kerasFashion } from '../../lib/net/models/keras-fashion.ts'
import { recipeByName } from '../../lib/run/recipes/index.ts'
import { loadKerasWeights } from '../../lib/weights/keras/files.ts'
import { pythonOf } from './environments.ts'
import { keptFolder } from './kept.ts'

const { values } = parseArgs({
  options: { batches: { type: 'string', default: '468' }, threads: { type: 'string' } }
})
const batches = whole('batches', values.batches)
const threads = values.threads === undefined ? undefined : whole('threads', values.threads)
const say = (line: string) => process.stdout.write(`${line}\n`)

/** Runs a program with that many threads, shows its lines. */
async function lines(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const few = threads === undefined ? {} : { OMP_NUM_THREADS: String(threads) }
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...few, ...env }
  })
  const ended = once(child, 'close')
  const found: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    say(line)
    found.push(line)
  }
  const [code]: unknown[] = await ended
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${String(code)}`)
  return found
}

const python = await pythonOf('tensorflow', say)
const folder = await mkdtemp(join(tmpdir(), 'alexnode-course-'))
const ours = join(folder, 'ours.h5')
const theirs = join(folder, 'theirs.h5')
try {
  const example = join(import.meta.dirname, '../../examples/keras-fashion.ts')
  const program = ['--import', 'tsx', example, '--epochs', '1', '--out', ours]
  const here = await lines(process.execPath, [...program, '--batches', String(batches)])
  const course = join(import.meta.dirname, 'keras_course.py')
  const there = (await lines(python, [course, String(batches), theirs])).map((line) =>
    JSON.parse(line)
  )
  const { versions } = there.pop()
  const result = {
    versions,
    batches,
    updates: 4 * batches,
    date: new Date().toISOString().slice(0, 10),
    tested: { alexnode: await tested(ours), keras: await tested(theirs) },
    alexnode: here,
    keras: there
  }
  await writeFile(
    join(keptFolder, 'keras-course.json'),
    `${JSON.stringify(result, undefined, 1)}\n`
  )
  say(JSON.stringify(result.tested))
} finally {
  await rm(folder, { recursive: true, force: true })
}

/** Loss and accuracy on the 10,000 test images with the weights of this file. */
async function tested(file: string) {
  const { test } = await fashionMnist()
  await using device = await open('cpu', threads === undefined ? {} : { threads })
  await using net = await kerasFashion().build(device, { batch: 100, training: false })
  await loadKerasWeights(net, file)
  const { loss, top1 } = await evaluate(net, test, { input: recipeByName('keras-fashion').input })
  return { loss, top1 }
}
