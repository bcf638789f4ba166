import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { readRunData } from '../lib/run/data.ts'
import { resolveSettings, SettingsError, type TrainSettings } from '../lib/run/settings.ts'
import { Running, runProgram } from './programs.ts'

const program = 'test/tiny-training.ts'
const STEPS = 52

const weights = (folder: string) => readFileSync(join(folder, 'weights.safetensors'))

function log(folder: string): Record<string, unknown>[] {
  const lines = readFileSync(join(folder, 'log.jsonl'), 'utf8').trim().split('\n')
  return lines.map((line) => JSON.parse(line))
}

/** The log without what differs from run to run: the pace. */
function results(folder: string): unknown[] {
  return log(folder).map(({ images_per_s, ...rest }) => rest)
}

t.test('a run that was not interrupted, and others that were', async (t) => {
  const dir = t.testdir()
  const whole = join(dir, 'whole')
  const { code, out, err } = await runProgram(program, [whole])
  t.equal(code, 0, err)
  t.match(out, new RegExp(`step ${STEPS} `))
  t.match(log(whole).at(-1), { final: true, steps: STEPS, test_top1: Number, test_loss: Number })
  t.strictSame(readdirSync(whole).sort(), [
    ...['checkpoint-00000050', 'checkpoint-00000052'],
    ...['data.json', 'log.jsonl', 'options.json', 'weights.safetensors']
  ])
  t.match(await readRunData(whole), { name: 'shapes', height: 16, width: 16, channels: 1 })

  t.test('the same again is the same', async (t) => {
    const again = join(dir, 'again')
    t.equal((await runProgram(program, [again])).code, 0)
    t.ok(weights(again).equals(weights(whole)))
    t.strictSame(results(again), results(whole))
  })

  t.test('killed at random moments, and resumed', async (t) => {
    const killed = join(dir, 'killed')
    let kills = 0
    for (;;) {
      // Two of 20 steps do not make 52, however late they are killed.
      const limit = kills < 2 ? ['--halfway'] : []
      const running = new Running(program, [killed, '--resume', '--slowly', ...limit])
      const soon = running.says(/step/).then(() => setTimeout(Math.random() * 400))
      const first = await Promise.race([running.ended, soon.catch(() => {})])
      if (!first && kills < 4) {
        running.process.kill('SIGKILL')
        kills++
      }
      const { code, err } = await running.ended
      if (code === 0) break
      t.equal(code, null, err)
    }
    t.ok(kills >= 2, `killed ${kills} times`)
    t.ok(weights(killed).equals(weights(whole)), 'the weights are those of the whole run')
    t.strictSame(results(killed), results(whole), 'and the log, too')
  })

  t.test('Ctrl-C saves the step it came in', async (t) => {
    const stopped = join(dir, 'stopped')
    const running = new Running(program, [stopped, '--slowly'])
    await running.says(/step 7 /)
    running.process.kill('SIGINT')
    t.match(await running.ended, { code: 130 })
    const last = log(stopped).at(-1)?.step
    const folders = readdirSync(stopped).filter((name) => name.startsWith('checkpoint-'))
    t.equal(folders.sort().at(-1), `checkpoint-${String(last).padStart(8, '0')}`)
    const { code, out } = await runProgram(program, [stopped, '--resume'])
    t.equal(code, 0)
    t.match(out, new RegExp(`note: goes on after step ${last}, `))
    t.ok(weights(stopped).equals(weights(whole)))
    t.strictSame(results(stopped), results(whole))
  })

  t.test('a second Ctrl-C ends it at once', async (t) => {
    const running = new Running(program, [join(dir, 'twice'), '--stuck'])
    await running.says(/step 1 /)
    running.process.kill('SIGINT')
    await running.says(/interrupted/)
    // So soon after the first it would count as the same.
    await setTimeout(150)
    const start = performance.now()
    running.process.kill('SIGINT')
    t.match(await running.ended, { signal: 'SIGINT' }, 'as a shell shows it: 130')
    t.ok(performance.now() - start < 30_000, 'not after the minute that it was busy')
  })

  t.test('when nobody reads its output any more, it saves and ends', async (t) => {
    const unread = join(dir, 'unread')
    const running = new Running(program, [unread, '--slowly'])
    await running.says(/step 3 /)
    running.process.stdout?.destroy()
    t.match(await running.ended, { code: 141 })
    const last = String(log(unread).at(-1)?.step).padStart(8, '0')
    t.ok(readdirSync(unread).includes(`checkpoint-${last}`))
  })

  t.test('a damaged newest checkpoint: the one before is used', async (t) => {
    const file = join(whole, 'checkpoint-00000052', 'weights.safetensors')
    const bytes = readFileSync(file)
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1)
    writeFileSync(file, bytes)
    const before = weights(whole)
    const { code, out } = await runProgram(program, [whole, '--resume'])
    t.equal(code, 0)
    t.match(out, /note: .*weights\.safetensors with SHA-256/)
    t.match(out, /note: goes on after step 50, /)
    t.ok(weights(whole).equals(before))
  })
})

t.test('nothing to resume', async (t) => {
  const out = join(t.testdir(), 'none')
  const running = new Running(program, [out, '--resume', '--slowly'])
  await running.says(/note: no whole checkpoint in .*: starts at step 0/)
  await running.says(/step 1 /)
  running.process.kill('SIGKILL')
  t.match(await running.ended, { signal: 'SIGKILL' })
})

t.test('settings', async (t) => {
  const defaults: TrainSettings = {
    net: 'fashion',
    batch: 32,
    seed: 1,
    optimizer: 'sgd',
    lr: 0.02,
    momentum: 0.9,
    weightDecay: 0,
    dtype: 'f32',
    schedule: 'cosine',
    beta2: 0.98
  }
  t.strictSame(resolveSettings({}, undefined, defaults, false), defaults)
  const given = resolveSettings({ steps: 9, lr: 0.5 }, undefined, defaults, false)
  t.match(given, { steps: 9, lr: 0.5, schedule: 'constant', batch: 32 })

  const saved = { ...defaults, batch: 8, schedule: 'constant', steps: 10 }
  t.match(resolveSettings({}, saved, defaults, true), saved)
  t.match(resolveSettings({ steps: 20 }, saved, defaults, true), { steps: 20, batch: 8 })
  t.match(resolveSettings({ batch: 8 }, saved, defaults, true), { batch: 8 })
  t.match(
    resolveSettings({ batch: 4 }, saved, defaults, false),
    { batch: 4 },
    'no checkpoint binds it'
  )
  const differs = (settings: object, message: RegExp, before: object = saved) =>
    t.throws(() => resolveSettings(settings, before, defaults, true), {
      name: SettingsError.name,
      message
    })
  differs({ batch: 16 }, /--batch was 8 and is 16/)
  differs({ net: 'alexnet', lr: 1 }, /--net was fashion and is alexnet, --lr was 0.02 and is 1/)
  differs({ data: 'shapes' }, /--data was not given and is shapes/)
  const input = { fit: 'crop', flip: true } as const
  const seen = { ...saved, input }
  t.match(resolveSettings({ input: { ...input } }, seen, defaults, true), { input })
  differs(
    { input: { fit: 'resize' } },
    /input was \{"fit":"crop",.*\} and is \{"fit":"resize"\}/,
    seen
  )
  differs({ clipNorm: 1 }, /--clip-norm was not given and is 1/)
  // The rates of a cosine follow from how long it is.
  differs({ steps: 20 }, /--steps was 10 and is 20/, { ...saved, schedule: 'cosine' })
})
