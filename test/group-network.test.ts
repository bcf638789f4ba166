// Ranks on two hosts: network namespaces with a cable between them, which is cut.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { objects } from './programs.ts'

const names = [`an${process.pid}a`, `an${process.pid}b`] as const
const addresses = ['10.77.0.1', '10.77.0.2'] as const
const ip = (...args: string[]) => execFileSync('ip', args, { stdio: 'pipe' })

/** Makes two hosts; says why there are none. */
function connectTwo(): string | false {
  try {
    for (const name of names) ip('netns', 'add', name)
    const [a, b] = names
    ip('link', 'add', 'v0', 'netns', a, 'type', 'veth', 'peer', 'name', 'v0', 'netns', b)
    for (const [i, name] of names.entries()) {
      ip('-n', name, 'addr', 'add', `${addresses[i]}/24`, 'dev', 'v0')
      for (const link of ['lo', 'v0']) ip('-n', name, 'link', 'set', link, 'up')
    }
    return false
  } catch (error) {
    return `there are no network namespaces here: ${error instanceof Error ? error.message : error}`
  }
}

const absent = connectTwo()
t.teardown(() => {
  for (const name of names) {
    try {
      ip('netns', 'del', name)
    } catch {}
  }
})

interface Host {
  readonly process: ChildProcess
  out: string
}

/** Starts a rank on a host. */
function start(host: 0 | 1, env: NodeJS.ProcessEnv, ...args: string[]): Host {
  const program = resolve(join(import.meta.dirname, 'group-member.ts'))
  const node = [process.execPath, '--import', 'tsx', program, ...args]
  const child = spawn('ip', ['netns', 'exec', names[host], ...node], {
    cwd: resolve(join(import.meta.dirname, '..')),
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      RANK: String(host),
      WORLD_SIZE: '2',
      MASTER_ADDR: addresses[0],
      MASTER_PORT: '29400',
      ALEXNODE_GROUP_SECRET: 's',
      ...env
    }
  })
  const started: Host = { process: child, out: '' }
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    started.out += text
  })
  return started
}

/** Waits until a host says a text. */
async function says(host: Host, pattern: RegExp): Promise<void> {
  while (!pattern.test(host.out)) {
    if (host.process.exitCode !== null) throw new Error(`expected ${pattern}, got ${host.out}`)
    await sleep(20)
  }
}

t.test('two hosts', { skip: absent }, async (t) => {
  t.test('meet on the address that was asked for, and on no other', async (t) => {
    const hosts = [start(0, {}, 'stay', '20'), start(1, {}, 'stay', '20')]
    for (const host of hosts) await says(host, /joined/)
    const sockets = execFileSync('ip', [
      'netns',
      'exec',
      names[0],
      'cat',
      '/proc/net/tcp',
      '/proc/net/tcp6'
    ])
    // After all have come, nothing listens (state 0A) at all.
    t.notMatch(sockets.toString(), /^ *\d+: \w+:\w+ \w+:\w+ 0A /m)
    const ended = hosts.map((host) => once(host.process, 'close'))
    hosts[1]?.process.kill('SIGKILL')
    await Promise.all(ended)
    t.match(objects(hosts[0]?.out ?? '')[1], { gone: 1, reason: /^ended/ })
  })

  t.test('listen while ranks are awaited', async (t) => {
    const zero = start(0, {}, 'stay', '20')
    let listening: string[] = []
    while (listening.length === 0) {
      await sleep(50)
      const read = ['netns', 'exec', names[0], 'cat', '/proc/net/tcp', '/proc/net/tcp6']
      const lines = execFileSync('ip', read).toString().split('\n')
      listening = lines
        .filter((line) => / 0A /.test(line))
        .map((line) => line.split(/\s+/)[2] ?? '')
    }
    t.strictSame(listening, ['01004D0A:72D8'], '10.77.0.1:29400')
    const ended = once(zero.process, 'close')
    zero.process.kill('SIGKILL')
    await ended
  })

  t.test('a cable that is cut', async (t) => {
    const hosts = [start(0, {}, 'stay', '3'), start(1, {}, 'stay', '3')]
    for (const host of hosts) await says(host, /joined/)
    const begun = performance.now()
    ip('-n', names[1], 'link', 'set', 'v0', 'down')
    const ended = hosts.map((host) => once(host.process, 'close'))
    await Promise.all(ended)
    const ms = performance.now() - begun
    ip('-n', names[1], 'link', 'set', 'v0', 'up')
    for (const [rank, host] of hosts.entries()) {
      t.match(objects(host.out)[1], {
        gone: 1 - rank,
        message:
          /^\[group\] rank \d on \S+ has been silent for 2.4 s: it hangs, or the network is cut$/
      })
    }
    t.ok(ms > 2000 && ms < 5000, `${ms} ms`)
  })

  t.test('a name that is a loopback address on its own host', async (t) => {
    const zero = start(
      0,
      { MASTER_ADDR: '127.0.1.1', LOCAL_WORLD_SIZE: '1', LOCAL_RANK: '0' },
      'stay',
      '1'
    )
    await once(zero.process, 'close')
    t.match(objects(zero.out)[0], {
      error: /rank 1 of 2 did not come .*; 127.0.1.1 is reached by processes of this machine alone/
    })
  })

  t.test('behind a service', async (t) => {
    // Host 1 reaches host 0 by another address than the one that host 0 has been told.
    ip('-n', names[0], 'addr', 'add', '10.77.0.9/24', 'dev', 'v0')
    const hosts = [
      start(0, { ALEXNODE_LISTEN: '0.0.0.0' }, 'exchange', '20'),
      start(1, { MASTER_ADDR: '10.77.0.9' }, 'exchange', '20')
    ]
    await Promise.all(hosts.map((host) => once(host.process, 'close')))
    for (const { out } of hosts) t.match(objects(out)[1], { all: ['id 0', 'id 1'] })
  })
})
