// A start of training that fails leaves no folder, and a resume without a run says so.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openRun } from '../lib/run/folder.ts'
import { fillUp, noSmallDisk, smallDisk } from './disks.ts'
import { failure } from './failure.ts'
import { writeSmallSet } from './idx-files.ts'
import { Running, runProgram } from './programs.ts'

const program = 'lib/cli/train.ts'
const dir = t.testdir({ text: { 'labels.csv': 'no pictures here' } })
const data = join(dir, 'data')
await writeSmallSet(data)

const small = ['--data', data, '--net', 'cifar', '--batch', '2', '--threads', '2', '--steps', '2']
const flat = (text: string) => text.replaceAll(/\s+/g, ' ')

t.test('a start that fails leaves no folder', async (t) => {
  const starts: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['data that are not there', ['--data', join(dir, 'nowhere')], /nowhere does not exist/],
    ['data that cannot be read', ['--data', join(dir, 'text')], /expected pictures with classes/],
    ['a net that does not fit', ['--batch', '9000000'], /A batch of \d+ would fit/],
    [
      'more validation than images',
      ['--hold-out', '500'],
      /--hold-out: expected from 1 to 23 of the 24 training images, got 500/
    ],
    ['a device that is not there', ['--device', 'cpu:1048576'], /cpu:1048576/],
    ['an option of another optimizer', ['--optimizer', 'sgd', '--beta2', '.9'], /--beta2/],
    [
      'an option of prepare',
      ['--class-depth', '2'],
      /for alexnode prepare: prepare the photographs with it first/
    ],
    ['a rate that is none', ['--lr', '-1'], /--lr/]
  ]
  for (const [name, options, message] of starts) {
    const out = join(dir, 'deep', 'runs', 'one')
    const ended = await runProgram(program, [...small, ...options, '--out', out])
    t.not(ended.code, 0, name)
    t.match(flat(ended.err), message, name)
    t.notOk(existsSync(join(dir, 'deep')), `${name}: nor the folders around it`)
  }
})

t.test('what was there before stays', async (t) => {
  const out = join(dir, 'mine')
  mkdirSync(out)
  writeFileSync(join(out, 'control.json'), '{"lr": 0.002}')
  const wrong = [...small, '--batch', '9000000', '--out', out]
  t.not((await runProgram(program, wrong)).code, 0)
  t.strictSame(readdirSync(out), ['control.json'])
  t.equal((await runProgram(program, [...small, '--out', out])).code, 0)
  const before = readdirSync(out).sort()
  t.ok(before.includes('weights.safetensors'))
  t.not((await runProgram(program, wrong)).code, 0)
  t.strictSame(readdirSync(out).sort(), before, 'and a second run leaves no numbered folder')
})

t.test('a signal before the first step', async (t) => {
  const out = join(dir, 'early')
  for (const batch of ['2', '512']) {
    const large = ['--net', 'alexnet', '--batch', batch, '--out', out]
    const running = new Running(program, [...small, ...large])
    await running.says(/^Data /m)
    running.process.kill('SIGINT')
    const ended = await running.ended
    // A build that takes longer than the time to end is ended by force.
    t.ok(ended.code === 130 || ended.signal === 'SIGINT', ended.err)
    if (/^step 1/m.test(ended.out)) continue
    if (ended.code === 130) t.match(ended.out, /Stopped before the first step: nothing is kept\./)
    t.notOk(existsSync(out))
  }
})

t.test('a run that is blank', async (t) => {
  const out = join(t.testdir(), 'a', 'b')
  const run = await openRun(out, { resume: false, options: {} })
  t.ok(run.isBlank)
  await run.close()
  t.notOk(existsSync(join(out, '..')))

  const kept = await openRun(out, { resume: false, options: {} })
  await kept.log({ step: 1 })
  t.notOk(kept.isBlank)
  await kept.close()
  t.ok(existsSync(join(out, 'log.jsonl')))
  const again = await openRun(out, { resume: true, options: {} })
  t.notOk(again.isBlank, 'one that was begun before is none')
  await again.close()
  t.ok(existsSync(join(out, 'options.json')))

  const second = await openRun(out, { resume: false, options: {} })
  writeFileSync(join(second.folder, 'notes.txt'), 'mine')
  await second.close()
  t.strictSame(readdirSync(join(out, '2')), ['notes.txt'], 'what another put there stays')
})

t.test('many starts that fail at the same time', async (t) => {
  const out = join(t.testdir(), 'out')
  const one = async () => {
    for (let i = 0; i < 20; i++) {
      const run = await openRun(out, { resume: false, options: {} })
      await run.close()
    }
  }
  // Each finds folders that another removes meanwhile.
  await t.resolves(Promise.all([one(), one(), one()]))
})

t.test('a full disk', { skip: noSmallDisk }, async (t) => {
  const disk = smallDisk(t, 64)
  const out = join(disk, 'deep', 'out')
  fillUp(disk)
  t.match(await failure(openRun(out, { resume: false, options: { text: 'x'.repeat(1e5) } })), {
    code: 'ENOSPC'
  })
  t.notOk(existsSync(join(disk, 'deep')))
})

t.test('a resume without a run', async (t) => {
  const refused = async (out: string, ...messages: RegExp[]) => {
    const ended = await runProgram(program, ['--resume', '--out', out])
    t.equal(ended.code, 2)
    for (const message of messages) t.match(flat(ended.err), message)
  }
  const runs = join(t.testdir({ empty: {}, file: '' }))
  await refused(
    join(runs, 'none'),
    /expected a run in \S*none, got nothing there: leave out --resume/
  )
  t.notOk(existsSync(join(runs, 'none')))
  await refused(join(runs, 'empty'), /got a folder without one/)
  await refused(join(runs, 'file'), /got a file/)
  t.equal((await runProgram(program, [...small, '--out', join(runs, 'cats')])).code, 0)
  await refused(join(runs, 'cast'), /or name another with --out \(\S*runs?\S*\/cats\)/)
  await refused(runs, /got a folder without one/, /or name another with --out \(\S*\/cats\)/)
})
