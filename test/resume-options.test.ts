// The options of a run that is resumed: the checkpoint's own copy counts, and nothing is overwritten in silence.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { peekSettings } from '../lib/run/saved-settings.ts'
import type { TrainSettings } from '../lib/run/settings.ts'
import { openTraining } from '../lib/run/training-run.ts'
import type { Snapshot } from '../lib/training/train.ts'
import { failure } from './failure.ts'
import { runProgram } from './programs.ts'

const settings: TrainSettings = {
  net: 'tiny',
  batch: 32,
  steps: 10,
  seed: 7,
  optimizer: 'sgd',
  lr: 0.02,
  momentum: 0.8,
  beta2: 0.98,
  weightDecay: 0.001,
  clipNorm: 2,
  dtype: 'f32',
  schedule: 'constant'
}
const defaults: TrainSettings = { ...settings, batch: 16, lr: 0.01, momentum: 0.9, weightDecay: 0 }
const { clipNorm: _, steps: _steps, ...without } = defaults

function snapshotOf(step: number): Snapshot {
  const tensor = { shape: [2], data: Float32Array.of(step, 1) }
  return {
    state: { step, epoch: 0, position: step * 32, seed: 7 },
    weights: new Map([['fc.bias', tensor]]),
    optimizer: new Map([['v', new Map([['fc.bias', tensor]])]])
  }
}

/** A run that was saved at step 2, or ended before its first checkpoint. */
async function started(out: string, { save = true } = {}): Promise<void> {
  const run = await openTraining({ out, settings, defaults: without })
  if (save) await run.save(snapshotOf(2))
  else await run.logDiagnosis({ kind: 'plateau', step: 1, text: 'stands still' })
  await run.close()
}

async function resumed(out: string, given: Partial<TrainSettings> = {}) {
  const notes: string[] = []
  const onNote = (text: string) => void notes.push(text)
  const run = await openTraining({ out, resume: true, settings: given, defaults: without, onNote })
  await run.close()
  return { run, notes, file: readFileSync(join(out, 'options.json'), 'utf8') }
}

const path = (out: string) => join(out, 'options.json')
const folderOf = (out: string) => readdirSync(out).map((name) => [name, bytesOf(join(out, name))])

function bytesOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return 'a folder'
  }
}

t.test('options.json is missing or damaged: the checkpoint has a copy', async (t) => {
  for (const [name, text] of [
    ['missing', undefined],
    ['empty', ''],
    ['half written', '{"batch": 3'],
    ['no object', '[]'],
    ['zeros', '\0'.repeat(200)]
  ] as const) {
    const out = t.testdir()
    await started(out)
    const whole = readFileSync(path(out), 'utf8')
    if (text === undefined) rmSync(path(out))
    else writeFileSync(path(out), text)
    t.strictSame(await peekSettings(out), settings, `${name}: known before it is opened`)
    const { run, notes, file } = await resumed(out)
    t.strictSame(run.settings, settings, name)
    t.equal(file, whole, `${name}: it is written again`)
    t.match(notes[0], /options\.json.*: the options are those of the checkpoint$/, name)
    if (text === undefined) continue
    t.match(notes[1], `it is now ${path(out)}.damaged`, name)
    t.equal(readFileSync(`${path(out)}.damaged`, 'utf8'), text, `${name}: and not lost`)
  }
})

t.test('options.json differs: all differences are listed, and nothing is changed', async (t) => {
  const out = t.testdir()
  await started(out)
  for (const [text, differences] of [
    ['{}', ['--batch was 32 and is nothing', '--clip-norm was 2 and is nothing']],
    [{ ...settings, lr: 0.5 }, ['--lr was 0.02 and is 0.5']],
    [{ ...settings, batch: '32' }, ['--batch was 32 and is "32"']],
    [
      { ...settings, clipNorm: undefined, ema: 0.9, schedule: 'cosine' },
      [
        '--clip-norm was 2 and is nothing',
        '--ema was nothing and is 0.9',
        '--schedule was "constant"'
      ]
    ]
  ] as const) {
    writeFileSync(path(out), typeof text === 'string' ? text : JSON.stringify(text))
    const before = folderOf(out)
    const error = await failure(resumed(out))
    for (const difference of differences)
      t.match(error, { name: 'SettingsError', message: difference })
    t.strictSame(folderOf(out), before)
  }
  writeFileSync(path(out), JSON.stringify({ ...settings, steps: 20 }))
  t.equal((await resumed(out)).run.settings.steps, 20, 'but the length, if it is free')
  const { steps: _length, ...free } = settings
  writeFileSync(path(out), JSON.stringify({ ...free, epochs: 3 }))
  const { run } = await resumed(out)
  t.match([run.settings.epochs, run.settings.steps], [3, undefined])
  t.match(await failure(resumed(out, { batch: 8 })), { message: /--batch was 32 and is 8/ })
})

t.test('no copy', async (t) => {
  const out = t.testdir()
  await started(out, { save: false })
  t.strictSame((await resumed(out)).run.settings, settings, 'options.json alone')
  for (const [wrong, message] of [
    [{ batch: '32' }, /^\[resume\] batch: expected a whole number from 1, got "32"/],
    [{ lr: -1 }, /^\[resume\] lr: expected a number from 0/],
    [{ seed: 0.5 }, /^\[resume\] seed: expected/]
  ] as const) {
    writeFileSync(path(out), JSON.stringify({ ...settings, ...wrong }))
    t.match(await failure(resumed(out)), { name: 'SettingsError', message })
  }
  writeFileSync(path(out), '{')
  const before = folderOf(out)
  const error = await failure(resumed(out))
  t.match(error, {
    name: 'SettingsError',
    message: /expected the options of the run in options\.json, got .*expected JSON, got .*restore/
  })
  t.strictSame(folderOf(out), before)

  const damaged = t.testdir()
  await started(damaged)
  writeFileSync(join(damaged, 'checkpoint-00000002', 'state.json'), '')
  t.strictSame((await resumed(damaged)).run.settings, settings, 'a damaged checkpoint')
  const both = t.testdir()
  await started(both)
  writeFileSync(join(both, 'checkpoint-00000002', 'state.json'), '')
  rmSync(path(both))
  t.match(await failure(resumed(both)), { message: /got no such file, and no whole checkpoint/ })
  t.match(readdirSync(both), ['checkpoint-00000002', 'log.jsonl'], 'it stays where it is')
})

t.test('the program refuses it with 2', async (t) => {
  const out = t.testdir()
  await started(out)
  writeFileSync(path(out), '{}')
  const ended = await runProgram('lib/cli/train.ts', ['--resume', '--out', out])
  t.equal(ended.code, 2)
  t.match(
    ended.err.replaceAll(/\s+/g, ' '),
    /--batch was 32 and is nothing, .*restore the file, or/
  )
})
