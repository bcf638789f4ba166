// Two hosts with a slow network between them, 1 ms and 100 Mbit/s: they train, and the share of waiting is told rightly.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import t from 'tap'
import { type ModelStep, modelStep } from '../bench/scale-model.ts'
import { objects } from './programs.ts'
import { gloo, startRanks } from './ranks.ts'

const LATENCY = 1e-3
/** Bytes a second. */
const BANDWIDTH = 100e6 / 8
/** A net whose sums take about as long as its steps, in one bucket, and the images of both hosts. */
const net = ['equal', 'alexnet', '0.125', '192']

const names = [`slow${process.pid}a`, `slow${process.pid}b`] as const
const addresses = ['10.78.0.1', '10.78.0.2'] as const
const run = (command: string, ...args: string[]) => execFileSync(command, args, { stdio: 'pipe' })

let cable: ChildProcess | undefined

/** Makes two hosts and their cable; says why there are none. The kernel's own delay (netem) is often missing. */
async function connectTwo(): Promise<string | false> {
  if (gloo !== false) return gloo
  try {
    for (const name of names) run('ip', 'netns', 'add', name)
    const program = join(import.meta.dirname, 'slow-cable.py')
    cable = spawn('python3', [program, ...names, `${1000 * LATENCY}`], {
      stdio: ['ignore', 'pipe', 'pipe']
    })
    let said = ''
    cable.stderr?.on('data', (text) => {
      said += String(text)
    })
    const ready = cable.stdout ? once(cable.stdout, 'data') : Promise.reject(new Error('no cable'))
    await Promise.race([
      ready,
      once(cable, 'close').then(() => {
        throw new Error(said.trim().split('\n').at(-1))
      })
    ])
    for (const [i, name] of names.entries()) {
      run('ip', '-n', name, 'addr', 'add', `${addresses[i]}/24`, 'dev', 'v0')
      // Large packets leave the processors to the hosts.
      run('ip', '-n', name, 'link', 'set', 'v0', 'mtu', '9000', 'up')
      run('ip', '-n', name, 'link', 'set', 'lo', 'up')
      const rate = ['rate', '100mbit', 'burst', '64kb', 'latency', '400ms']
      const queue = ['tc', 'qdisc', 'add', 'dev', 'v0', 'root', 'tbf', ...rate]
      run('ip', 'netns', 'exec', name, ...queue)
    }
    return false
  } catch (error) {
    return `it takes root, iproute2, python3 and /dev/net/tun: ${error instanceof Error ? error.message : error}`
  }
}

const skip = await connectTwo()
t.teardown(() => {
  cable?.kill()
  for (const name of names) {
    try {
      run('ip', 'netns', 'del', name)
    } catch {}
  }
})

interface Told {
  /** Of the median step, for which the rank waited. */
  readonly share: number
  /** Of the median step. */
  readonly seconds: number
  readonly bytes: number
}

/** One rank on each host. */
async function onTwoHosts(): Promise<Told[]> {
  const program = resolve(import.meta.dirname, 'group-waiting.ts')
  const hosts = names.map((name, rank) => {
    const node = [process.execPath, '--import', 'tsx', program, ...net]
    const child = spawn('ip', ['netns', 'exec', name, ...node], {
      cwd: resolve(import.meta.dirname, '..'),
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        RANK: `${rank}`,
        WORLD_SIZE: '2',
        LOCAL_RANK: '0',
        LOCAL_WORLD_SIZE: '1',
        MASTER_ADDR: addresses[0],
        MASTER_PORT: '29400',
        ALEXNODE_GROUP_SECRET: 's'
      }
    })
    let out = ''
    child.stdout.on('data', (text) => {
      out += String(text)
    })
    return once(child, 'close').then(() => objects(out)[0] as unknown as Told)
  })
  return await Promise.all(hosts)
}

t.test('the share of waiting is what bytes and bandwidth give', { skip }, async (t) => {
  const beside = await startRanks(2, 'test/group-waiting.ts', net)
  const ended = await Promise.all(beside.map(({ ended }) => ended))
  const [fast] = ended.map(({ out }) => objects(out)[0] as unknown as Told)
  if (!fast) throw new Error('expected a rank to tell its step')
  for (const [rank, slow] of (await onTwoHosts()).entries()) {
    const waited = slow.share * slow.seconds
    const step: ModelStep = {
      ranks: 2,
      compute: slow.seconds - waited,
      sums: [{ bytes: slow.bytes, ready: 1 }],
      bandwidth: BANDWIDTH,
      latency: LATENCY,
      overlaps: true
    }
    const { waiting, seconds } = modelStep(step)
    const told = `rank ${rank}: ${JSON.stringify({ fast, slow, waiting, seconds })}`
    t.comment(told)
    // What it computes depends on other work on the machine; what it waits does not.
    t.ok(Math.abs(waited / (waiting * seconds) - 1) < 0.25, told)
    t.ok(Math.abs(slow.share - waiting) < 0.1, told)
    t.ok(fast.share < slow.share / 2, told)
  }
})
