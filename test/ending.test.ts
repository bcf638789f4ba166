// How commands end on signals: by themselves, by force after 1.5 seconds, or when they have saved.
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Running } from './programs.ts'

const program = 'test/ending-program.ts'
const codes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const
const signals = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const

/** Starts a command, sends it a signal, and tells how it ended and after how many milliseconds. */
async function ended(signal: NodeJS.Signals, ...args: string[]) {
  const running = new Running(program, args)
  await running.says(/begun/)
  const begun = performance.now()
  running.process.kill(signal)
  // So that the test ends, too.
  const timer = setTimeout(() => running.process.kill('SIGKILL'), 15_000)
  const end = await running.ended
  clearTimeout(timer)
  return { ...end, milliseconds: performance.now() - begun }
}

for (const signal of signals) {
  t.test(signal, async (t) => {
    const dir = t.testdir({ held: {} })
    const pipe = join(dir, 'pipe')
    execFileSync('mkfifo', [pipe])
    t.match(await ended(signal, 'prepare'), { code: codes[signal] }, 'by itself')
    for (const [kind, path, what] of [
      ['sleeps', '', 'busy with something else'],
      ['reads', pipe, 'hanging in a system call']
    ] as const) {
      const { milliseconds, ...end } = await ended(signal, kind, path)
      t.match(end, { signal }, what)
      t.ok(milliseconds < 2500, `${what}: ${milliseconds} ms`)
    }
    const held = join(dir, 'held')
    t.match(await ended(signal, 'holds', held), { signal })
    t.strictSame(readdirSync(held), [], 'nothing is left locked or half written')
    const { milliseconds, ...end } = await ended(signal, 'saves')
    t.match(end, { code: codes[signal], out: /saved/ })
    t.match(end.err, 'Finishing and saving. Another Ctrl-C ends at once, without saving.')
    t.ok(milliseconds > 2000)
    const child = await ended(signal, 'parent')
    t.match(child, { code: codes[signal], out: /aborted/ }, 'a child process hears of it')
  })
}

t.test('a signal that a terminal sends to parent and child is one', async (t) => {
  const running = new Running(program, ['saves'])
  await running.says(/begun/)
  running.process.kill('SIGINT')
  running.process.kill('SIGINT')
  await sleep(1)
  t.match(await running.ended, { code: 130, out: /saved/ })
})

t.test('closing that fails does not hide why', async (t) => {
  const { code, err } = await new Running(program, ['fails']).ended
  t.strictSame({ code, err }, { code: 1, err: '[work] the disk is full\n[close] another\n' })
})

t.test('a second one ends what is saved', async (t) => {
  const running = new Running(program, ['saves'])
  await running.says(/begun/)
  running.process.kill('SIGTERM')
  await running.says(/aborted/)
  await sleep(200)
  running.process.kill('SIGINT')
  t.match(await running.ended, { signal: 'SIGINT', out: /^((?!saved).)*$/s })
})

const PYTHON = `
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
  os.execv(sys.argv[1], sys.argv[1:])
seen = b''
while b'begun' not in seen:
  seen += os.read(fd, 4096)
os.close(fd)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`

t.test('a terminal that is closed ends a command by SIGHUP, with no abort of Node', async (t) => {
  const node = [process.execPath, '--import', 'tsx', program, 'prepare']
  const { error, status, stdout } = spawnSync('python3', ['-c', PYTHON, ...node])
  if (error) return t.pass(error.message, { skip: 'there is no python3' })
  t.strictSame([status, `${stdout}`.trim()], [0, '-1'])
})
