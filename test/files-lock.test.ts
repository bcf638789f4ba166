import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { FolderInUseError, FolderLock } from '../lib/util/files/lock.ts'
import { isAlive, ownMark } from '../lib/util/files/process-mark.ts'
import { Faults } from './campaigns/chaos/faults.ts'
import { fillUp, forbidden, noSmallDisk, smallDisk } from './disks.ts'
import { failure } from './failure.ts'

const linuxOnly = process.platform === 'linux' ? false : 'processes have no start time here'
const MINUTES = 120

function age(path: string, minutes = MINUTES): void {
  const then = Date.now() / 1000 - minutes * 60
  utimesSync(path, then, then)
}

t.test('one at a time', async (t) => {
  const dir = t.testdir()
  const lock = await FolderLock.take(dir)
  t.strictSame(readdirSync(dir), ['lock'])
  const error = await failure(FolderLock.take(dir))
  t.ok(error instanceof FolderInUseError)
  t.match(error, {
    message: new RegExp(
      `^\\[lock\\] expected ${dir}/lock to be free, got one held by process ${process.pid} on .+ ` +
        'since 20.+; wait for it, stop it, or choose another folder$'
    )
  })
  await lock.release()
  t.strictSame(readdirSync(dir), [])
  await (await FolderLock.take(dir)).release()
})

t.test('a process killed while it makes its lock leaves none, or a whole one', async (t) => {
  const place = t.testdir({ 1: {}, 2: {}, 3: {}, 4: {} })
  const faults = Faults.make(place)
  if (typeof faults === 'string') return t.pass(faults, { skip: faults })
  const holder = new URL('./lock-holder.ts', import.meta.url)
  let killed = 0
  for (let at = 1; at <= 4; at++) {
    const dir = join(place, `${at}`)
    const env = { ...process.env, ...faults.environment({ dir, at, kind: 'half' }) }
    const child = fork(holder, [dir], { execArgv: ['--import', 'tsx'], env })
    const [, signal] = await Promise.race([once(child, 'exit'), once(child, 'message')])
    if (signal === 'SIGKILL') killed++
    else child.kill('SIGKILL')
    if (child.signalCode === null) await once(child, 'exit')
    const lock = await FolderLock.take(dir)
    await lock.release()
    t.pass(`killed at change ${at}`)
  }
  t.ok(killed >= 3, `${killed} kills within`)
})

t.test('the lock of a killed process is taken over at once', async (t) => {
  const dir = t.testdir()
  const holder = new URL('./lock-holder.ts', import.meta.url)
  const child = fork(holder, [dir], { execArgv: ['--import', 'tsx'] })
  const gone = once(child, 'exit')
  await once(child, 'message')
  t.match(await failure(FolderLock.take(dir)), { message: `held by process ${child.pid} on` })
  child.kill('SIGKILL')
  await gone
  t.ok(statSync(join(dir, 'lock')).isFile(), 'it left its lock')
  const lock = await FolderLock.take(dir)
  t.match(readFileSync(join(dir, 'lock'), 'utf8'), `"pid":${process.pid},`)
  await lock.release()
  t.strictSame(readdirSync(dir), [])
})

t.test('a process id that another process has now', { skip: linuxOnly }, async (t) => {
  const dir = t.testdir({ lock: JSON.stringify({ ...ownMark(), began: '1' }) })
  await (await FolderLock.take(dir)).release()
  t.strictSame(readdirSync(dir), [])
})

t.test('where nobody can know, the age decides', async (t) => {
  const elsewhere = JSON.stringify({ ...ownMark(), world: 'another', host: 'far', since: 'then' })
  for (const [name, text, who] of [
    [
      'another container',
      elsewhere,
      /held by process \d+ on far since then; .* remove .*lock or wait/
    ],
    ['cut', elsewhere.slice(0, 20), /held by another; wait for it or choose another folder; if it/],
    ['empty', '', /held by another;/],
    ['not an object', '1', /held by another;/],
    ['not a mark', '{"pid":"x"}', /held by another;/]
  ] as const) {
    const dir = t.testdir({ lock: text })
    const error = await failure(FolderLock.take(dir))
    t.ok(error instanceof FolderInUseError, name)
    t.match(error, { message: who }, name)
    age(join(dir, 'lock'))
    await (await FolderLock.take(dir)).release()
    t.strictSame(readdirSync(dir), [], `${name}: taken over when it is old`)
  }
})

t.test('a lock that is held stays young', async (t) => {
  const dir = t.testdir()
  const lock = await FolderLock.take(dir, { touchMs: 5 })
  age(join(dir, 'lock'))
  const old = statSync(join(dir, 'lock')).mtimeMs
  while (statSync(join(dir, 'lock')).mtimeMs === old) await sleep(5)
  await lock.release()
  t.pass('it was touched')
})

t.test('of many that find a stale lock one takes it', async (t) => {
  const stale = JSON.stringify({ ...ownMark(), pid: 2 ** 30 })
  for (let round = 0; round < 20; round += 1) {
    const dir = t.testdir({ lock: stale })
    const takes = await Promise.allSettled(Array.from({ length: 8 }, () => FolderLock.take(dir)))
    const won = takes.flatMap((take) => (take.status === 'fulfilled' ? [take.value] : []))
    const lost = takes.flatMap((take) => (take.status === 'rejected' ? [take.reason] : []))
    t.equal(won.length, 1)
    t.ok(lost.every((reason) => reason instanceof FolderInUseError))
    await won[0]?.release()
    t.strictSame(readdirSync(dir), [])
  }
})

t.test('a crash while a lock was looked at does not bar the way', async (t) => {
  const stale = JSON.stringify({ ...ownMark(), pid: 2 ** 30 })
  const dir = t.testdir({ lock: stale, '.lock.examined': '' })
  age(join(dir, '.lock.examined'))
  await (await FolderLock.take(dir)).release()
  t.strictSame(readdirSync(dir), [])
})

t.test('a guard from the future bars the way for a while, and is told of', async (t) => {
  const stale = JSON.stringify({ ...ownMark(), pid: 2 ** 30 })
  const dir = t.testdir({ lock: stale, '.lock.examined': '' })
  age(join(dir, '.lock.examined'), -MINUTES)
  const notes: string[] = []
  const onNote = (text: string) => void notes.push(text)
  await (await FolderLock.take(dir, { guardMs: 1200, onNote })).release()
  t.strictSame(readdirSync(dir), [])
  t.match(notes, [
    new RegExp(
      `^waits for another process .*, 1 s at most; if there is none, remove ${dir}/.lock.ex`
    )
  ])
  writeFileSync(join(dir, '.lock.examined'), stale)
  writeFileSync(join(dir, 'lock'), stale)
  age(join(dir, '.lock.examined'), -MINUTES)
  await (await FolderLock.take(dir, { guardMs: 1e6 })).release()
  t.pass('that of a dead process does not')
})

t.test('a guard that a living process keeps', async (t) => {
  const stale = JSON.stringify({ ...ownMark(), pid: 2 ** 30 })
  const own = JSON.stringify({ ...ownMark(), host: 'here', since: 'now' })
  const dir = t.testdir({ lock: stale, '.lock.examined': own })
  const error = await failure(FolderLock.take(dir, { guardMs: 50 }))
  t.ok(error instanceof FolderInUseError)
  t.match(error, {
    message: `to go in 0.05 s, got it held by process ${process.pid} on here since`
  })
})

t.test('a lock from the future never grows old', async (t) => {
  const dir = t.testdir({ lock: '' })
  age(join(dir, 'lock'), -MINUTES)
  const error = await failure(FolderLock.take(dir))
  t.match(error, { message: /dated to the future, so if it is dead, remove .*\/lock$/ })
})

t.test('what is no file cannot be a lock', async (t) => {
  const stale = JSON.stringify({ ...ownMark(), pid: 2 ** 30 })
  for (const [kind, what, code, make] of [
    ['a dead link', 'a symbolic link', 'ELOOP', (path: string) => symlinkSync('nowhere', path)],
    ['a link to itself', 'a symbolic link', 'ELOOP', (path: string) => symlinkSync('lock', path)],
    ['a pipe', 'a pipe or a device', 'ENXIO', (path: string) => execFileSync('mkfifo', [path])],
    ['a folder', 'a folder', 'EISDIR', (path: string) => mkdirSync(path)]
  ] as const) {
    for (const name of ['lock', '.lock.examined']) {
      const dir = t.testdir(name === 'lock' ? {} : { lock: stale })
      make(join(dir, name))
      const error = await failure(FolderLock.take(dir))
      const message = `[lock] expected ${dir}/${name} to be a file, got ${what}; remove it, or`
      t.match(error, { code, message }, `${kind} as ${name}`)
    }
  }
})

t.test('a release leaves the lock of another', async (t) => {
  const dir = t.testdir()
  const lock = await FolderLock.take(dir)
  writeFileSync(join(dir, 'lock'), 'another')
  await lock.release()
  t.equal(readFileSync(join(dir, 'lock'), 'utf8'), 'another')
})

t.test('the disk refuses', async (t) => {
  const dir = t.testdir({ file: '', taken: { lock: {} } })
  t.match(await failure(FolderLock.take(join(dir, 'no'))), {
    code: 'ENOENT',
    message: /^\[lock\] cannot make .*no\/lock: it or its parent folder does not exist/
  })
  t.match(await failure(FolderLock.take(join(dir, 'file'))), { code: 'ENOTDIR' })
  t.match(await failure(FolderLock.take(join(dir, 'taken'))), {
    code: 'EISDIR',
    message: /^\[lock\] expected .*taken\/lock to be a file, got a folder; remove it, or choose/
  })
  await forbidden(join(dir, 'closed'), async () => {
    t.match(await failure(FolderLock.take(join(dir, 'closed'))), { code: 'EACCES' })
  })
})

t.test('a full disk', { skip: noSmallDisk }, async (t) => {
  const dir = smallDisk(t, 64)
  fillUp(dir)
  t.match(await failure(FolderLock.take(dir)), {
    code: 'ENOSPC',
    message: `[lock] cannot make ${dir}/lock: the disk is full (ENOSPC); free some space there`
  })
  t.strictSame(readdirSync(dir), ['ballast'], 'no lock is left')
})

t.test('marks of processes', async (t) => {
  const own = ownMark()
  t.equal(own.pid, process.pid)
  t.equal(isAlive(own), 'yes')
  t.equal(isAlive({ ...own, pid: 2 ** 30 }), 'no')
  t.equal(isAlive({ ...own, world: 'x' }), 'unknown')
})

t.test('a process that began at another time is another', { skip: linuxOnly }, async (t) => {
  t.equal(isAlive({ ...ownMark(), began: 'x' }), 'no')
})
