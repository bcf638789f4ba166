// A training step takes nothing, neither from the heap nor from the kernel: counted by a preloaded library.
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { objects } from './programs.ts'
import { gloo, startRanks } from './ranks.ts'

/** Runs a program of this folder in a process of its own, without tap's loader. */
function child(name: string, args: readonly string[], extra: Record<string, string> = {}) {
  const { NODE_OPTIONS: _, ...env } = process.env
  const all = ['--import', 'tsx', join(import.meta.dirname, name), ...args]
  return spawnSync(process.execPath, all, { encoding: 'utf8', env: { ...env, ...extra } })
}

const folder = await mkdtemp(join(tmpdir(), 'alexnode-memory-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
const library = join(folder, 'count-allocations.so')
const source = join(import.meta.dirname, 'native/count-allocations.c')
const compiled = spawnSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl'], {
  encoding: 'utf8'
})
const absent = compiled.error !== undefined || process.platform !== 'linux'
const skip = absent ? 'it takes Linux and a C compiler' : false
const EMPTY = new Uint8Array(40_000)

t.test('a training step takes nothing after the first', { skip }, async (t) => {
  t.equal(compiled.stderr, '')
  const counter = join(folder, 'counter')
  for (const [net, batch, steps] of [
    ['small', 4, 30],
    ['alexnet', 2, 5]
  ] as const) {
    const counted = async (...extra: string[]) => {
      await writeFile(counter, EMPTY)
      const args = [net, `${batch}`, `${steps}`, counter, ...extra]
      const preload = { LD_PRELOAD: library, COUNT_ALLOCATIONS: counter }
      const { stdout, stderr } = child('allocation-child.ts', args, preload)
      t.equal(stderr, '')
      return JSON.parse(stdout)
    }
    t.same(await counted(), { calls: 0, records: [] }, net)
    if (net !== 'small') continue
    t.same(await counted('updates'), { calls: 0, records: [] }, 'with all that an update may have')
    t.ok((await counted('prepare')).calls > 0, 'while preparing an op is seen')
  }
})

t.test('with other processes, nothing but what Gloo takes', { skip: skip || gloo }, async (t) => {
  const counters = [0, 1].map((rank) => join(folder, `counter-${rank}`))
  const counted = async (env: NodeJS.ProcessEnv) => {
    for (const counter of counters) await writeFile(counter, EMPTY)
    const all = await startRanks(
      2,
      'test/allocation-child.ts',
      (rank) => ['small', '4', '10', counters[rank] ?? '', 'updates'],
      (rank) => ({ LD_PRELOAD: library, COUNT_ALLOCATIONS: counters[rank], ...env })
    )
    const ended = await Promise.all(all.map(({ ended }) => ended))
    return ended.map(({ code, out, err }) => {
      if (code !== 0) throw new Error(err)
      return objects(out)[0]
    })
  }
  const nothing = { calls: 0, records: [] }
  t.strictSame(await counted({ COUNT_WITHOUT: 'libalexnode_gloo' }), [nothing, nothing])
  // Each of its collectives takes buffers and marks of its own, and gives them back.
  for (const one of await counted({})) t.ok(Number(one?.calls) > 0)
})
