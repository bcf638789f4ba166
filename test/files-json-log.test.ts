import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { JsonLog, trimLog } from '../lib/util/files/json-log.ts'
import { fillUp, forbidden, noSmallDisk, smallDisk } from './disks.ts'
import { failure } from './failure.ts'

t.test('lines come in order, in full precision', async (t) => {
  const path = join(t.testdir(), 'log.jsonl')
  const log = await JsonLog.open(path)
  const lines = Array.from({ length: 200 }, (_, step) => ({ step, loss: 1 / (step + 3) }))
  await Promise.all(lines.map((line) => log.append(line)))
  await log.append({ loss: Number.NaN })
  await log.flush()
  const text = readFileSync(path, 'utf8')
  t.ok(text.endsWith('{"loss":null}\n'))
  t.strictSame(
    text
      .trimEnd()
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line)),
    lines
  )
  await log.close()
  await log.close()
  t.match(await failure(log.append({})), {
    message: /^\[log\] expected .*log\.jsonl open, got closed/
  })
})

t.test('it goes on where it was', async (t) => {
  const path = join(t.testdir({ log: '{"step":1}\n' }), 'log')
  const log = await JsonLog.open(path)
  const line = log.append({ step: 2 })
  await log.close()
  await line
  t.equal(readFileSync(path, 'utf8'), '{"step":1}\n{"step":2}\n')
})

t.test('a full disk leaves whole lines', { skip: noSmallDisk }, async (t) => {
  const dir = smallDisk(t, 64)
  const path = join(dir, 'log')
  const log = await JsonLog.open(path)
  await log.append({ step: 1 })
  const free = fillUp(dir)
  let error: unknown
  let step = 1
  while (error === undefined && step < 100) {
    step += 1
    error = await log.append({ step, text: 'x'.repeat(600) }).catch((e: unknown) => e)
  }
  t.match(error, {
    code: 'ENOSPC',
    message: `[log] cannot write ${path}: the disk is full (ENOSPC); free some space there or`
  })
  const text = readFileSync(path, 'utf8')
  t.ok(text.endsWith('}\n'), 'no half line')
  t.equal(text.split('\n').length, step, 'every line before is there')
  free()
  t.equal(await failure(log.append({ step: 999 })), error, 'later lines fail: no hole in the log')
  t.equal(await failure(log.flush()), error)
  await log.close()
  t.equal(readFileSync(path, 'utf8'), text)
})

const noFull = existsSync('/dev/full') ? false : 'no /dev/full'

t.test('a disk that is always full', { skip: noFull }, async (t) => {
  const log = await JsonLog.open('/dev/full')
  const lines = await Promise.allSettled([log.append({ a: 1 }), log.append({ a: 2 })])
  for (const line of lines) t.match(line, { status: 'rejected', reason: { code: 'ENOSPC' } })
  await log.close()
})

t.test('the disk refuses', async (t) => {
  const dir = t.testdir({ file: '', folder: {} })
  for (const [path, code] of [
    ['no/log', 'ENOENT'],
    ['file/log', 'ENOTDIR'],
    ['folder', 'EISDIR']
  ] as const) {
    t.match(await failure(JsonLog.open(join(dir, path))), {
      code,
      message: /^\[log\] cannot open /
    })
  }
  await forbidden(join(dir, 'closed'), async () => {
    t.match(await failure(JsonLog.open(join(dir, 'closed', 'log'))), { code: 'EACCES' })
  })
  t.match(await failure(trimLog(join(dir, 'folder'), 1)), {
    code: 'EISDIR',
    message: /^\[log\] cannot trim /
  })
  t.match(await trimLog(join(dir, 'none'), 1), { cut: 0 }, 'no log is no fault')
  t.strictSame(readdirSync(dir).sort(), ['closed', 'file', 'folder'])
})

t.test('it is cut back to a step', async (t) => {
  const path = join(t.testdir(), 'log')
  const s = (step: number): string => `{"step":${step}}\n`
  const note = '{"epoch":1,"test_top1":0.5}\n'
  const final = '{"final":true,"steps":3}\n'
  for (const [name, text, step, kept, damaged = [], dropped = []] of [
    ['later steps', s(1) + s(2) + s(3), 2, s(1) + s(2)],
    ['nothing later', s(1) + s(2), 2, s(1) + s(2)],
    ['all', s(1) + s(2), 0, ''],
    ['no checkpoint', `{"step":0}\n${s(1)}`, undefined, ''],
    ['empty', '', 3, ''],
    ['lines without a step stay with the step before', s(1) + note + s(2) + note, 1, s(1) + note],
    ['an end', s(1) + s(2) + s(3) + final, 3, s(1) + s(2) + s(3)],
    ['half a line', `${s(1)}{"step":2`, 5, s(1)],
    ['no line end', `${s(1)}{"step":2}`, 5, s(1)],
    ['garbage at the end', `${s(1)}\0\0\n`, 5, s(1), [], [2]],
    ['garbage before a good line', `${s(1)}\0\0\n${s(2)}`, 5, `${s(1)}\0\0\n${s(2)}`, [2]],
    ['garbage before a later line', `${s(1)}\0\0\n${s(2)}`, 1, s(1), [], [2]],
    ['no objects', `${s(1)}7\n[]\n${s(2)}{\n`, 5, `${s(1)}7\n[]\n${s(2)}`, [2, 3], [5]],
    [
      'bytes of several per character',
      `{"step":1,"a":"üñ🙂"}\n${s(2)}`,
      1,
      '{"step":1,"a":"üñ🙂"}\n'
    ]
  ] as const) {
    writeFileSync(path, text)
    const { cut, ...lines } = await trimLog(path, step)
    t.equal(readFileSync(path, 'utf8'), kept, name)
    t.equal(cut, Buffer.byteLength(text) - Buffer.byteLength(kept), `${name}: bytes cut`)
    t.strictSame(lines, { damaged, dropped }, `${name}: damaged lines`)
  }
})

t.test('a log longer than one read', async (t) => {
  const path = join(t.testdir(), 'log')
  const line = (step: number): string => `${JSON.stringify({ step, x: 'ü'.repeat(step % 900) })}\n`
  const lines = Array.from({ length: 2000 }, (_, i) => line(i + 1))
  for (const step of [2000, 1234, 1]) {
    writeFileSync(path, lines.join(''))
    await trimLog(path, step)
    t.ok(readFileSync(path, 'utf8') === lines.slice(0, step).join(''), `to step ${step}`)
  }
})
