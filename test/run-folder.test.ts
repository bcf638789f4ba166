import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { listCheckpoints, readCheckpoint } from '../lib/run/checkpoint.ts'
import { openRun, type Run, type RunOptions } from '../lib/run/folder.ts'
import { FolderInUseError } from '../lib/util/files/lock.ts'
import { checkpointOf } from './checkpoint-writer.ts'
import { fillUp, forbidden, noSmallDisk, setReadOnly, smallDisk } from './disks.ts'
import { failure } from './failure.ts'

/** Opens a run and gives it back with the notes that came. */
async function open(
  out: string,
  options: Partial<RunOptions> = {}
): Promise<{ readonly run: Run; readonly notes: readonly string[] }> {
  const notes: string[] = []
  const onNote = (text: string): number => notes.push(text)
  const run = await openRun(out, { resume: false, options: { lr: 0.1 }, onNote, ...options })
  return { run, notes }
}

/** A run of so many steps, each logged, every second saved, and closed. */
async function finished(out: string, steps: number): Promise<string> {
  const { run } = await open(out)
  for (let step = 1; step <= steps; step += 1) {
    await run.log({ step })
    if (step % 2 === 0) await run.save(checkpointOf(step))
  }
  await run.close()
  return run.folder
}

function steps(folder: string): number[] {
  const lines = readFileSync(join(folder, 'log.jsonl'), 'utf8').split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line).step)
}

t.test('a new run', async (t) => {
  const out = join(t.testdir(), 'deep', 'out')
  const { run, notes } = await open(out, { options: { lr: 0.1, none: undefined, net: 'fashion' } })
  t.match(run, { folder: out, step: 0, previousOptions: undefined })
  t.equal(run.takeCheckpoint(), undefined)
  t.strictSame(notes, [])
  t.strictSame(readdirSync(out).sort(), ['lock', 'log.jsonl', 'options.json'])
  const options = readFileSync(join(out, 'options.json'), 'utf8')
  t.strictSame(JSON.parse(options), { lr: 0.1, net: 'fashion' })
  await run.log({ step: 1, loss: 0.1 + 0.2 })
  t.equal(await run.save(checkpointOf(1)), join(out, 'checkpoint-00000001'))
  await run.close()
  t.equal(readFileSync(join(out, 'log.jsonl'), 'utf8'), '{"step":1,"loss":0.30000000000000004}\n')
  t.strictSame(readdirSync(out).sort(), ['checkpoint-00000001', 'log.jsonl', 'options.json'])
})

t.test('a run is never overwritten', async (t) => {
  const out = t.testdir({ 'notes.txt': 'mine' })
  t.equal(await finished(out, 2), out, 'a folder with other files will do')
  const before = readFileSync(join(out, 'log.jsonl'), 'utf8')
  t.equal(await finished(out, 3), join(out, '2'))
  const { run, notes } = await open(out)
  t.equal(run.folder, join(out, '3'))
  t.strictSame(notes, [`${out} holds a run: this one is ${join(out, '3')}`])
  await run.close()
  t.equal(readFileSync(join(out, 'log.jsonl'), 'utf8'), before)
  t.strictSame((await listCheckpoints(out)).length, 1)

  mkdirSync(join(out, '9'))
  writeFileSync(join(out, '9', 'options.json'), '{}')
  mkdirSync(join(out, '01'))
  t.equal(await finished(out, 1), join(out, '10'), 'after the last number, by value')
  rmSync(join(out, 'options.json'))
  rmSync(join(out, 'log.jsonl'))
  t.equal(await finished(out, 1), join(out, '11'), 'checkpoints alone are a run too')
})

t.test('runs that begin at the same time have a folder each', async (t) => {
  const out = join(t.testdir(), 'out')
  const opened = await Promise.all([1, 2, 3, 4].map(() => open(out)))
  const folders = opened.map(({ run }) => run.folder).sort()
  t.strictSame(folders, [out, join(out, '2'), join(out, '3'), join(out, '4')])
  for (const { run } of opened) await run.close()
})

t.test('a run that goes on', async (t) => {
  const out = t.testdir()
  await finished(out, 5)
  t.strictSame(steps(out), [1, 2, 3, 4, 5])
  const { run, notes } = await open(out, { resume: true, options: { lr: 0.2 } })
  t.match(run, { folder: out, step: 4, previousOptions: { lr: 0.1 } })
  t.strictSame(notes, [`goes on after step 4, from ${join(out, 'checkpoint-00000004')}`])
  t.strictSame(steps(out), [1, 2, 3, 4])
  const checkpoint = run.takeCheckpoint()
  t.match(checkpoint, { step: 4, state: checkpointOf(4).state })
  t.ok(
    Buffer.from(checkpoint?.weights['conv1.weight']?.data ?? []).equals(
      checkpointOf(4).weights['conv1.weight']?.data ?? new Uint8Array()
    )
  )
  t.equal(run.takeCheckpoint(), undefined, 'handed over once')
  t.equal(await run.save(checkpointOf(4)), join(out, 'checkpoint-00000004'), 'saved already')
  await run.log({ step: 5 })
  await run.close()
  t.strictSame(steps(out), [1, 2, 3, 4, 5])
  t.strictSame(JSON.parse(readFileSync(join(out, 'options.json'), 'utf8')), { lr: 0.2 })
})

t.test('the newest run goes on', async (t) => {
  const out = t.testdir()
  await finished(out, 2)
  await finished(out, 4)
  const { run, notes } = await open(out, { resume: true })
  t.match(run, { folder: join(out, '2'), step: 4 })
  t.match(notes, [`${out} holds a run: its newest is ${join(out, '2')}`, /goes on after step 4/])
  await run.close()
})

t.test('with no checkpoint it starts at 0, and says so', async (t) => {
  const out = t.testdir()
  for (const folder of [join(out, 'new'), out]) {
    const { run, notes } = await open(folder, { resume: true })
    t.match(run, { folder, step: 0 })
    t.equal(run.takeCheckpoint(), undefined)
    t.strictSame(notes, [`no whole checkpoint in ${folder}: starts at step 0`])
    await run.log({ step: 1 })
    await run.close()
  }
  const { run } = await open(out, { resume: true })
  t.strictSame(steps(out), [], 'the log starts anew as well')
  t.strictSame(run.previousOptions, { lr: 0.1 })
  await run.close()
  writeFileSync(join(out, 'options.json'), '{')
  const again = await open(out, { resume: true })
  t.equal(again.run.previousOptions, undefined, 'options that cannot be read bar nothing')
  t.match(again.notes[0], `${out}/options.json: expected JSON, got`)
  t.match(again.notes[0], `; it is now ${out}/options.json.damaged`)
  t.equal(readFileSync(join(out, 'options.json.damaged'), 'utf8'), '{', 'nor are they lost')
  await again.run.close()
})

t.test('damaged lines of the log are told of', async (t) => {
  const out = t.testdir()
  await finished(out, 4)
  const log = join(out, 'log.jsonl')
  const text = readFileSync(log, 'utf8').split('\n')
  writeFileSync(log, [text[0], '\0\0', text[2], text[3], '{"st', ''].join('\n'))
  const { run, notes } = await open(out, { resume: true })
  await run.log({ step: 5 })
  await run.close()
  t.strictSame(notes, [
    `${log}: line 2 is damaged and stays as it is`,
    `${log}: line 5 is damaged and was cut off`,
    `goes on after step 4, from ${join(out, 'checkpoint-00000004')}`
  ])
  const now = [text[0], '\0\0', text[2], text[3], '{"step":5}', '']
  t.equal(readFileSync(log, 'utf8'), now.join('\n'))
})

t.test('pipes in place of files stop nothing', { timeout: 20_000 }, async (t) => {
  for (const name of ['options.json', 'log.jsonl', 'best.json', 'rates.json']) {
    const out = t.testdir()
    await finished(out, 2)
    rmSync(join(out, name), { force: true })
    execFileSync('mkfifo', [join(out, name)])
    const opened = open(out, { resume: true }).then(({ run }) => run.close())
    const error = await opened.then(
      () => undefined,
      (error: unknown) => error
    )
    const message = new RegExp(`${name}: it is a pipe or a device, not a file \\(ENXIO\\)`)
    if (error) t.match(error, { code: 'ENXIO', message }, name)
    t.equal(error === undefined, name === 'best.json' || name === 'rates.json', name)
  }
  for (const name of ['manifest.json', 'state.json', 'weights.safetensors']) {
    const out = t.testdir()
    await finished(out, 4)
    const path = join(out, 'checkpoint-00000004', name)
    rmSync(path)
    execFileSync('mkfifo', [path])
    const { run, notes } = await open(out, { resume: true })
    t.equal(run.step, 2, name)
    t.match(notes[1], 'checkpoint-00000004.damaged', name)
    await run.close()
  }
})

t.test('a damaged checkpoint is put aside, and the one before it used', async (t) => {
  const out = t.testdir()
  await finished(out, 5)
  const newest = join(out, 'checkpoint-00000004')
  for (const aside of [`${newest}.damaged`, `${newest}.damaged-2`, `${newest}.damaged-3`]) {
    truncateSync(join(newest, 'weights.safetensors'), 1000)
    const { run, notes } = await open(out, { resume: true })
    t.equal(run.step, 2)
    t.match(notes, [
      /checkpoint-00000004: expected weights.safetensors of \d+ bytes, got 1000; it is damaged/,
      `${newest} is now ${aside}`,
      /^goes on after step 2/
    ])
    t.strictSame(steps(out), [1, 2])
    await run.log({ step: 3 })
    await run.save(checkpointOf(4))
    await run.close()
    t.equal((await readCheckpoint(newest)).step, 4, 'its step is saved again')
    t.ok(statSync(aside).isDirectory())
  }
})

t.test('what an interrupted process left is swept', async (t) => {
  const out = t.testdir({
    'options.json': '{}',
    '.checkpoint-00000004.writing-0123456789ab': { 'weights.safetensors': 'half' },
    '.options.json.writing-0123456789ab': ''
  })
  const { run } = await open(out, { resume: true })
  await run.close()
  t.strictSame(readdirSync(out).sort(), ['log.jsonl', 'options.json'])
})

t.test('old checkpoints are removed', async (t) => {
  const out = t.testdir()
  const saved = async (run: Run): Promise<number[]> => {
    for (let step = 1; step <= 5; step += 1) await run.save(checkpointOf(step))
    await run.close()
    return (await listCheckpoints(run.folder)).map(({ step }) => step)
  }
  t.strictSame(await saved((await open(join(out, 'a'))).run), [5, 4, 3])
  t.strictSame(await saved((await open(join(out, 'b'), { keep: 1 })).run), [5])
  for (const keep of [0, 1.5]) {
    const error = await failure(open(join(out, 'c'), { keep }))
    t.match(error, {
      name: 'RangeError',
      message: `keep: expected a whole number from 1, got ${keep}`
    })
  }
})

t.test('the best checkpoint stays, and best.json names it', async (t) => {
  const out = t.testdir()
  const { run } = await open(out, { keep: 1 })
  const best = { step: 2, error: 0.25, loss: 0.5 }
  for (let step = 1; step <= 5; step += 1) {
    await run.save(checkpointOf(step), step < 2 ? { ...best, step, error: 0.5 } : best)
  }
  await run.close()
  const steps = async () => (await listCheckpoints(out)).map(({ step }) => step)
  t.strictSame(await steps(), [5, 2])
  t.strictSame(JSON.parse(readFileSync(join(out, 'best.json'), 'utf8')), best)
  const { run: again } = await open(out, { keep: 1, resume: true })
  t.strictSame(await steps(), [5, 2], 'nor does going on remove it')
  await again.save(checkpointOf(6), { ...best, step: 6 })
  await again.close()
  t.strictSame(await steps(), [6], 'until there is a better one')
})

t.test('the best checkpoint stays when best.json is lost', async (t) => {
  for (const text of [undefined, '', '{}']) {
    const out = t.testdir()
    const best = { step: 2, error: 0.25, loss: 0.5 }
    const state = { train: { validation: { best } } }
    const { run } = await open(out, { keep: 1 })
    for (let step = 1; step <= 4; step += 1) await run.save({ ...checkpointOf(step), state }, best)
    await run.close()
    if (text === undefined) rmSync(join(out, 'best.json'))
    else writeFileSync(join(out, 'best.json'), text)
    const { run: again } = await open(out, { keep: 1, resume: true })
    t.strictSame(
      (await listCheckpoints(out)).map(({ step }) => step),
      [4, 2]
    )
    await again.save({ ...checkpointOf(5), state }, best)
    await again.close()
    t.strictSame(JSON.parse(readFileSync(join(out, 'best.json'), 'utf8')), best)
  }
})

t.test('two processes cannot go on with one run', async (t) => {
  const out = t.testdir()
  const { run } = await open(out)
  const error = await failure(open(out, { resume: true }))
  t.ok(error instanceof FolderInUseError)
  t.match(error, {
    message: `expected ${out}/lock to be free, got one held by process ${process.pid}`
  })
  await run.log({ step: 1 })
  await run.close()
  t.strictSame(steps(out), [1], 'the one at work was not disturbed')
})

t.test('a closed run', async (t) => {
  const out = t.testdir()
  const { run } = await open(out)
  const save = run.save(checkpointOf(1))
  const line = run.log({ step: 1 })
  await Promise.all([run.close(), run.close()])
  t.equal(await save, join(out, 'checkpoint-00000001'), 'what was under way is finished')
  await line
  t.strictSame(steps(out), [1])
  t.match(await failure(run.save(checkpointOf(2))), {
    message: /^\[run\] expected .* open, got closed/
  })
  t.match(await failure(run.log({})), { message: /open, got closed/ })
  {
    await using other = await openRun(out, { resume: true, options: {} })
    t.equal(other.step, 1)
  }
  t.notOk(readdirSync(out).includes('lock'), 'using gives the folder free')
})

t.test('what cannot be kept as options', async (t) => {
  const out = join(t.testdir(), 'out')
  const options = { lr: Number.POSITIVE_INFINITY }
  const error = await failure(open(out, { options }))
  t.match(error, { name: 'TypeError', message: /options\.lr: expected plain JSON, got Infinity/ })
  t.throws(() => statSync(out), 'nothing was made')
  t.match(await failure(open('')), {
    name: 'RangeError',
    message: '[run] out: expected a text, got ""'
  })
})

t.test('the disk refuses', async (t) => {
  const dir = t.testdir({ file: '', run: { 'options.json': '{}', '2': '' } })
  const { run } = await open(join(dir, 'run'))
  t.equal(run.folder, join(dir, 'run', '3'), 'a file in the way is passed by')
  await run.close()
  t.match(await failure(open(join(dir, 'file'))), {
    code: 'ENOTDIR',
    message:
      /^\[run\] cannot make .*file: a part of this path is a file, not a folder .*; choose ano/
  })
  t.match(await failure(open(join(dir, 'file', 'x'))), { code: 'ENOTDIR', message: /file\/x: / })
  await forbidden(join(dir, 'closed'), async () => {
    const made = await failure(open(join(dir, 'closed', 'x')))
    t.match(made, {
      code: 'EACCES',
      message: /^\[run\] cannot make .*closed\/x: permission denied/
    })
    const taken = await failure(open(join(dir, 'closed')))
    t.match(taken, { code: 'EACCES', message: /cannot make .*closed\/lock: permission denied/ })
  })
  mkdirSync(join(dir, 'odd', 'log.jsonl'), { recursive: true })
  const error = await failure(open(join(dir, 'odd'), { resume: true }))
  t.match(error, {
    code: 'EISDIR',
    message: /^\[log\] cannot trim .*odd\/log\.jsonl: this is a folder/
  })
  t.strictSame(readdirSync(join(dir, 'odd')), ['log.jsonl'], 'no lock is left')
})

t.test('a full disk', { skip: noSmallDisk }, async (t) => {
  const disk = smallDisk(t, 600)
  const out = join(disk, 'out')
  const { run } = await open(out)
  await run.log({ step: 1 })
  await run.save(checkpointOf(1))
  t.match(await failure(run.save(checkpointOf(2))), {
    code: 'ENOSPC',
    message: /^\[file\] cannot write .*out\/checkpoint-00000002\/.*: the disk is full .*; free some/
  })
  t.strictSame(
    (await listCheckpoints(out)).map(({ step }) => step),
    [1]
  )
  await run.log({ step: 2 })
  const free = fillUp(disk)
  const long = { step: 3, text: 'x'.repeat(5000) }
  t.match(await failure(run.log(long)), { code: 'ENOSPC', message: /\[log\] cannot write .*jsonl/ })
  t.match(await failure(run.save(checkpointOf(3))), { code: 'ENOSPC' })
  await run.close()
  t.strictSame(steps(out), [1, 2])
  t.match(await failure(open(join(disk, 'other'))), { code: 'ENOSPC', message: /disk is full/ })
  free()
  const again = await open(out, { resume: true })
  t.equal(again.run.step, 1, 'it goes on once there is space')
  await again.run.close()
})

t.test('a read-only disk', { skip: noSmallDisk }, async (t) => {
  const disk = smallDisk(t, 600)
  await finished(join(disk, 'old'), 2)
  setReadOnly(disk, true)
  t.match(await failure(open(join(disk, 'new'))), {
    code: 'EROFS',
    message:
      /^\[run\] cannot make .*new: the disk is mounted read-only .*; choose a folder on a disk/
  })
  t.match(await failure(open(join(disk, 'old'), { resume: true })), { code: 'EROFS' })
  setReadOnly(disk, false)
})

t.test('killed and resumed, it reads as one run', { timeout: 300_000 }, async (t) => {
  const dir = t.testdir()
  const train = async (out: string, kill: boolean, ...most: string[]): Promise<unknown> => {
    const writer = new URL('./run-writer.ts', import.meta.url)
    const child = fork(writer, ['train', out, ...most], { execArgv: ['--import', 'tsx'] })
    // From the first save on: each process gets a step further.
    child.once('message', () => {
      if (kill) setTimeout(() => child.kill('SIGKILL'), Math.random() * 60)
    })
    return (await once(child, 'exit'))[1]
  }
  t.equal(await train(join(dir, 'straight'), false), null)
  let kills = 0
  // However fast the disk is, the first two do not come to the end.
  const some = () => (kills < 2 ? ['4'] : [])
  while ((await train(join(dir, 'killed'), true, ...some())) === 'SIGKILL') kills += 1
  t.ok(kills > 1, `killed ${kills} times`)
  for (const file of [
    'log.jsonl',
    'options.json',
    ...['checkpoint-00000036', 'checkpoint-00000040'].flatMap((folder) =>
      ['weights.safetensors', 'optimizer.safetensors', 'state.json', 'manifest.json'].map((name) =>
        join(folder, name)
      )
    )
  ]) {
    const [a, b] = ['straight', 'killed'].map((run) => readFileSync(join(dir, run, file)))
    t.ok(a !== undefined && b !== undefined && a.equals(b), `${file} is the same`)
  }
  t.strictSame(readdirSync(join(dir, 'killed')).sort(), readdirSync(join(dir, 'straight')).sort())
})

t.test('a file system that makes no folders', { skip: process.platform !== 'linux' }, async (t) => {
  await t.rejects(openRun('/proc/alexnode/run', { resume: false, options: {} }), {
    name: 'DiskError',
    message: /cannot make \/proc\/alexnode/
  })
})
