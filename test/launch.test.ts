// `alexnode launch`: what its processes are told, how they end together, and how they start again.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { writeSmallSet } from './idx-files.ts'
import { objects, Running, runProgram, widest } from './programs.ts'

const program = 'lib/cli/main.ts'
const dir = t.testdir()
const secret = { ALEXNODE_GROUP_SECRET: 's' }

const launch = (...args: readonly string[]) => runProgram(program, ['launch', ...args])
/** Runs a shell script as ranks. */
const shell = (nproc: number, script: string, ...options: readonly string[]) =>
  launch('--nproc', String(nproc), ...options, '--', 'sh', '-c', script)
/** Lines in an order that does not depend on who came first. */
const sorted = (text: string) => text.trimEnd().split('\n').sort()
/** Tells how a program ended, and after how many ms. */
async function timed<Result extends object>(ended: Promise<Result>) {
  const begun = performance.now()
  const end = await ended
  return { ...end, ms: performance.now() - begun }
}

t.test('each process is told who it is', async (t) => {
  const script =
    'echo $RANK/$WORLD_SIZE $LOCAL_RANK/$LOCAL_WORLD_SIZE $MASTER_ADDR $ALEXNODE_RESTARTS $ALEXNODE_THREADS; ' +
    'echo "$MASTER_PORT $ALEXNODE_RUN_ID $ALEXNODE_GROUP_SECRET" >&2'
  const { code, out, err } = await shell(2, script)
  const threads = Math.max(1, Math.floor(availableParallelism() / 2))
  t.equal(code, 0)
  t.strictSame(sorted(out), [
    `[0] 0/2 0/2 127.0.0.1 0 ${threads}`,
    `[1] 1/2 1/2 127.0.0.1 0 ${threads}`
  ])
  const told = sorted(err)
  t.equal(told.length, 3)
  const [, port, run, key] = /^\[0\] (\d+) (\w{32}) (\w{32})$/.exec(told[1] ?? '') ?? []
  t.equal(told[2], `[1] ${port} ${run} ${key}`, 'all are told the same')
  t.not(run, key)
  t.match(
    told[0],
    new RegExp(`^Launch    2 processes, \\d+ threads? each; rank 0 at 127.0.0.1:${port}$`)
  )
})

t.test('several machines', async (t) => {
  const args = ['--nproc', '2', '--nnodes', '3', '--node-rank', '2', '--rendezvous', '[::1]:29400']
  const script = ['--', 'sh', '-c', 'echo $RANK/$WORLD_SIZE $LOCAL_RANK $MASTER_ADDR $MASTER_PORT']
  const open = await launch(...args, ...script)
  t.match(open, {
    code: 0,
    err: /Without ALEXNODE_GROUP_SECRET anybody who reaches rank 0 can join/
  })
  t.ok(widest(open.err) <= 80)
  t.strictSame(sorted(open.out), ['[4] 4/6 0 ::1 29400', '[5] 5/6 1 ::1 29400'])
  const closed = await runProgram(program, ['launch', ...args, ...script], secret)
  t.notMatch(closed.err, /Without/)
})

t.test('lines stay whole', async (t) => {
  // Pieces that end within lines and within characters, from two processes at once; the last line has no end.
  const writer = join(dir, 'writer.cjs')
  writeFileSync(
    writer,
    `const line = Buffer.from('\\u001b[31mé'.repeat(40) + process.env.RANK + '\\n')
    const all = Buffer.concat(Array(500).fill(line)).subarray(0, -1)
    let at = 0
    const write = () => {
      if (at >= all.length) return
      process.stdout.write(all.subarray(at, at + 777))
      at += 777
      setImmediate(write)
    }
    write()`
  )
  const { code, out } = await launch('--nproc', '2', '--', 'node', writer)
  t.equal(code, 0)
  const lines = out.split('\n')
  t.equal(lines.pop(), '')
  t.equal(lines.length, 1000)
  for (const rank of [0, 1]) {
    const whole = `[${rank}] ${'\u001b[31mé'.repeat(40)}${rank}`
    t.equal(lines.filter((line) => line === whole).length, 500)
  }
})

t.test('when one fails, all are stopped', async (t) => {
  const failed = await timed(
    shell(2, 'if [ $RANK = 1 ]; then exit 7; fi; trap "echo term; exit 9" TERM; sleep 60 & wait')
  )
  t.match(failed, { code: 7, out: '[0] term\n' })
  t.match(failed.err, /Rank 1 ended with code 7; the others are stopped\.\n$/)
  t.ok(failed.ms < 4000, `${failed.ms} ms`)

  const killed = await shell(2, 'if [ $RANK = 0 ]; then kill -9 $$; fi; exec sleep 60')
  t.match(killed, { code: 137, err: /Rank 0 ended by SIGKILL; the others/ })

  const stubborn = await timed(
    shell(2, 'if [ $RANK = 1 ]; then exit 7; fi; trap "" TERM; sleep 60; echo no', '--timeout', '1')
  )
  t.match(stubborn, { code: 7, out: '' })
  t.ok(stubborn.ms < 5000, `${stubborn.ms} ms`)

  const own = await shell(
    2,
    'if [ $RANK = 1 ]; then exit 7; fi; sleep .3; echo rank 1 is gone >&2; exit 1'
  )
  t.match(own, { code: 7, err: /\[0\] rank 1 is gone/ }, 'the others may say why they end')
  t.match(await launch('--', 'no-such-program'), {
    code: 127,
    err: /Rank 0 could not be started: no-such-program: spawn no-such-program ENOENT\./
  })
})

const codes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
  t.test(`${signal} reaches all`, async (t) => {
    const name = signal.slice(3)
    const script = `trap "echo ${name}; exit 3" ${name}; echo ready; while :; do sleep .1; done`
    const running = new Running(program, ['launch', '--nproc', '2', '--', 'sh', '-c', script])
    await running.says(/\[0\] ready.*\[1\] ready|\[1\] ready.*\[0\] ready/s)
    running.process.kill(signal)
    const end = await timed(running.ended)
    t.match(end, { code: codes[signal] })
    t.strictSame(sorted(end.out).slice(0, 2), [`[0] ${name}`, `[0] ready`])
    t.match(end.out, new RegExp(`\\[1\\] ${name}`))
    t.ok(end.ms < 2000, `${end.ms} ms`)
  })
}

t.test('what outlasts a signal is killed, with all that it started', async (t) => {
  const script = 'trap "" TERM; sleep 61 & echo $!; while :; do sleep .1; done'
  const running = new Running(program, ['launch', '--timeout', '1', '--', 'sh', '-c', script])
  await running.says(/\[0\] \d+/)
  running.process.kill('SIGTERM')
  const end = await timed(running.ended)
  t.match(end, { code: 143 })
  t.ok(end.ms > 900 && end.ms < 3000, `${end.ms} ms`)
  const child = Number(/\[0\] (\d+)/.exec(end.out)?.[1])
  await sleep(100)
  t.notOk(isAlive(child), 'no orphan')
})

/** The state of a process, as /proc says: R, S, T, Z … */
function stateOf(pid: number): string | undefined {
  try {
    return /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]
  } catch {
    return undefined
  }
}
function isAlive(pid: number): boolean {
  const state = stateOf(pid)
  return state !== undefined && state !== 'Z'
}

t.test('Ctrl-Z stops all', async (t) => {
  const running = new Running(program, ['launch', '--', 'sh', '-c', 'echo $$; exec sleep 60'])
  await running.says(/\[0\] \d+/)
  const [child] = childrenOf(running)
  if (child === undefined) return t.fail('no process')
  running.process.kill('SIGTSTP')
  await sleep(300)
  t.equal(stateOf(child), 'T')
  t.equal(stateOf(running.process.pid ?? 0), 'T')
  running.process.kill('SIGCONT')
  await sleep(300)
  t.equal(stateOf(child), 'S')
  running.process.kill('SIGINT')
  t.match(await running.ended, { code: 130 })
})

/** The processes that a launch started. */
function childrenOf({ process }: Running): number[] {
  const tasks = `/proc/${process.pid}/task`
  return readdirSync(tasks).flatMap((task) => {
    return readFileSync(join(tasks, task, 'children'), 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number)
  })
}

t.test('it ends when nobody reads any more', async (t) => {
  const script = 'while :; do echo line; sleep .05; done'
  const running = new Running(program, ['launch', '--nproc', '2', '--', 'sh', '-c', script])
  await running.says(/line/)
  running.process.stdout?.destroy()
  t.match(await running.ended, { code: 141 })
})

t.test('restarts', async (t) => {
  const folder = join(dir, 'restarts')
  mkdirSync(folder)
  const script = `echo try $ALEXNODE_RESTARTS $MASTER_PORT; [ $RANK = 0 ] || [ $ALEXNODE_RESTARTS = 2 ] || exit 5; sleep .2`
  const good = await shell(2, script, '--max-restarts', '3')
  t.equal(good.code, 0)
  t.strictSame(good.out.match(/\[1\] try \d/g), ['[1] try 0', '[1] try 1', '[1] try 2'])
  t.match(good.err, /Restart 1 of 3\.\n.*Restart 2 of 3\.\n/s)
  t.notMatch(good.err, /Restart 3/)
  const bad = await shell(1, 'exit 5', '--max-restarts', '1')
  t.match(bad, { code: 5, err: /code 5\.\nRestart 1 of 1\.\nRank 0 ended with code 5\.\n$/ })
  for (const [script, code] of [
    ['exit 143', 143],
    ['kill -TERM $$', 143]
  ] as const) {
    const asked = await shell(1, script, '--max-restarts', '3')
    t.match(asked, { code, err: /^((?!Restart).)*$/s }, 'an end that was asked for is none to mend')
  }
})

t.test('a rank that is asked to end lets the others save', async (t) => {
  const script = '[ $RANK = 0 ] && kill -TERM $$; sleep 2; echo saved; exit 143'
  t.match(await shell(2, script), { code: 143, out: '[1] saved\n' })
})

t.test('ranks meet by what they are told', async (t) => {
  const member = ['node', '--import', 'tsx', resolve('test/group-member.ts'), 'exchange', '20']
  const one = await launch('--nproc', '3', '--', ...member)
  t.equal(one.code, 0, one.out + one.err)
  t.equal(one.out.match(/\{"all":\["id 0","id 1","id 2"\]\}/g)?.length, 3)

  const port = 20_000 + (process.pid % 10_000)
  const nodes = [0, 1].map((rank) => {
    const place = ['--node-rank', String(rank), '--rendezvous', `127.0.0.1:${port}`]
    const args = ['launch', '--nproc', '2', '--nnodes', '2', ...place, '--', ...member]
    return runProgram(program, args, secret)
  })
  for (const { code, out, err } of await Promise.all(nodes)) {
    t.equal(code, 0, out + err)
    t.equal(out.match(/\{"all":\["id 0","id 1","id 2","id 3"\]\}/g)?.length, 2)
  }
})

t.test('training ends when its launcher is killed', async (t) => {
  const data = join(dir, 'data')
  await writeSmallSet(data)
  const settings = ['--data', data, '--net', 'cifar', '--batch', '2', '--steps', '100000', '--json']
  const out = join(dir, 'orphan')
  const running = new Running(program, ['launch', '--', 'train', ...settings, '--out', out])
  await running.says(/\[0\] .*"loss"/)
  const [child = 0] = childrenOf(running)
  t.ok(isAlive(child))
  running.process.kill('SIGKILL')
  for (let i = 0; i < 100 && isAlive(child); i++) await sleep(100)
  t.notOk(isAlive(child))
  t.ok(
    readdirSync(out).some((name) => name.startsWith('checkpoint-')),
    'it has saved'
  )
})

t.test('training goes on from what it has saved', async (t) => {
  const data = join(dir, 'data')
  await writeSmallSet(data)
  const out = join(dir, 'run')
  const settings = ['--data', data, '--net', 'cifar', '--batch', '2', '--steps', '12', '--no-test']
  const args = ['--checkpoint-every', '3', '--out', out]
  const options = ['launch', '--max-restarts', '1', '--', 'train']
  const running = new Running(program, [...options, ...settings, ...args])
  const saved = () => {
    try {
      return readdirSync(out).some((name) => name.startsWith('checkpoint-'))
    } catch {
      return false
    }
  }
  const end = running.ended
  while (!saved() && running.process.exitCode === null) await sleep(5)
  for (const child of childrenOf(running)) process.kill(child, 'SIGKILL')
  const { code, err } = await end
  t.equal(code, 0, err)
  t.match(err, /Rank 0 ended by SIGKILL\.\nRestart 1 of 1, from what the run has saved\.\n/)
  const steps = objects(readFileSync(join(out, 'log.jsonl'), 'utf8')).filter((one) => 'loss' in one)
  t.strictSame(
    steps.map(({ step }) => step),
    Array.from({ length: 12 }, (_, i) => i + 1)
  )
  t.notOk(readdirSync(out).includes('2'), 'in the same folder')
  const whole = join(dir, 'whole')
  t.match(await runProgram(program, ['train', ...settings, '--out', whole]), { code: 0 })
  const weights = (folder: string) => readFileSync(join(folder, 'weights.safetensors'))
  t.ok(weights(out).equals(weights(whole)), 'bit for bit')
})

t.test('command lines that ask for something impossible', async (t) => {
  const rows: readonly (readonly [string, RegExp])[] = [
    ['', /expected a command after --, such as -- train --net alexnet, got none\. Try --help\./],
    ['--nproc 2', /expected a command after --/],
    ['--nproc 2 train', /too many arguments/],
    ['--nproc 0 -- true', /Expected a whole number from 1 to 4096, got '0'/],
    ['-- launch -- true', /expected a command to start, got launch itself/],
    ['--nnodes 2 -- true', /expected --node-rank and --rendezvous beside --nnodes 2/],
    [
      '--nnodes 2 --node-rank 2 --rendezvous a:1 -- true',
      /expected a --node-rank below --nnodes, which is 2, got 2/
    ],
    [
      '--rendezvous node01 -- true',
      /expected --rendezvous as host:port, such as node01:29400, got 'node01'/
    ],
    ['--rendezvous a:70000 -- true', /expected --rendezvous as host:port/],
    [
      '-- train --net no-such',
      /alexnode train: option '--net <name>' argument 'no-such' is invalid/
    ]
  ]
  for (const [line, said] of rows) {
    const { code, out, err } = await launch(...line.split(' ').filter(Boolean))
    t.match({ code, out, err: err.replaceAll(/\s+/g, ' ') }, { code: 2, out: '', err: said }, line)
    t.notMatch(err, /Launch/, 'before anything is started')
    t.ok(widest(err) <= 80, err)
  }
  const help = await launch('--help')
  t.match(help, { code: 0, out: /^Usage: alexnode launch \[options\] -- <command>/, err: '' })
  t.ok(widest(help.out) <= 80)
})
