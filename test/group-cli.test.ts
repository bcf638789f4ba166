// `alexnode train` by several processes: one run, kept by rank 0.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { writeSmallSet } from './idx-files.ts'
import { objects, Running, runProgram } from './programs.ts'
import { gloo as skip, startRanks } from './ranks.ts'

const dir = t.testdir()
const data = join(dir, 'data')
await writeSmallSet(data)
// It has no batch norm, whose numbers depend on the ranks unless it is told otherwise.
const usual = [
  ...['--net', 'tf-mnist', '--start', 'even', '--lr', '.01', '--clip-norm', '1'],
  ...['--data', data, '--batch', '5', '--threads', '1']
]
const train = (count: number, ...args: string[]) =>
  startRanks(count, 'lib/cli/main.ts', ['train', ...args])
const ends = (all: readonly Running[]) => Promise.all(all.map(({ ended }) => ended))
const flat = (text = '') => text.replace(/\s+/g, ' ')
const logOf = (out: string) => objects(readFileSync(join(out, 'log.jsonl'), 'utf8'))
const losses = (out: string) =>
  logOf(out).flatMap(({ loss }) => (typeof loss === 'number' ? [loss] : []))

t.test('two ranks, then three, then one: the course of one alone', { skip }, async (t) => {
  const [alone, out] = [join(dir, 'alone'), join(dir, 'out')]
  const one = await runProgram('lib/cli/main.ts', [
    'train',
    ...usual,
    '--steps',
    '6',
    '--out',
    alone
  ])
  t.equal(one.code, 0, one.err)
  const [first, second] = await ends(await train(2, ...usual, '--steps', '2', '--out', out))
  t.equal(first?.code, 0, first?.err ?? '')
  t.match(flat(first?.out), /Ranks 2 processes on 1 machine; this is rank 0 of 2/)
  t.match(second, { code: 0, out: '', err: '' }, 'rank 0 alone speaks')
  for (const [count, steps] of [
    [3, 4],
    [1, 6]
  ] as const) {
    const more = ['--resume', '--steps', `${steps}`, '--threads', '1', '--out', out]
    const all = await ends(await train(count, ...more))
    for (const { code, err } of all) t.equal(code, 0, err)
  }
  t.equal(losses(out).length, 6)
  const off = losses(out).map((loss, i) => Math.abs(loss - (losses(alone)[i] ?? 0)))
  t.ok(Math.max(...off) < 1e-4, `${losses(out)}, ${losses(alone)}`)
  const last = (folder: string) => Number(logOf(folder).at(-1)?.test_loss)
  t.ok(Math.abs(last(out) - last(alone)) < 1e-4)
})

t.test('batch norm over all ranks: the course of one, gone on with', { skip }, async (t) => {
  const [alone, out] = [join(dir, 'norm-alone'), join(dir, 'norm')]
  const net = [...usual, '--net', 'cifar', '--lr', '.001', '--no-test', '--sync-batch-norm']
  const one = await runProgram('lib/cli/main.ts', ['train', ...net, '--steps', '6', '--out', alone])
  t.equal(one.code, 0, one.err)
  const [first] = await ends(await train(2, ...net, '--steps', '3', '--out', out))
  t.equal(first?.code, 0, first?.err ?? '')
  t.match(flat(first?.out), /batch norm over all processes/)
  // The setting is the run's.
  const more = ['--resume', '--steps', '6', '--threads', '1', '--no-test', '--out', out]
  for (const { code, err } of await ends(await train(3, ...more))) t.equal(code, 0, err)
  t.equal(losses(out).length, 6)
  const off = losses(out).map((loss, i) => Math.abs(loss - (losses(alone)[i] ?? 0)))
  t.ok(Math.max(...off) < 1e-4, `${losses(out)}, ${losses(alone)}`)
})

t.test('ranks that were given different options end, and say which', { skip }, async (t) => {
  const out = join(dir, 'differs')
  const all = await startRanks(2, 'lib/cli/main.ts', (rank) => {
    return ['train', ...usual, '--steps', '2', '--lr', `.0${rank + 1}`, '--out', out]
  })
  for (const { code, err } of await ends(all)) {
    t.equal(code, 1)
    t.match(flat(err), /options of alexnode train.*: lr is 0\.01 on rank 0 on \S+, 0\.02 on rank 1/)
  }
  t.notOk(existsSync(out), 'nothing is left')
})

t.test('a rank that is killed ends the others, which name it', { skip }, async (t) => {
  const out = join(dir, 'killed')
  const more = ['--steps', '5000', '--checkpoint-every', '2', '--no-test', '--out', out]
  const all = await train(2, ...usual, ...more)
  await all[0]?.says(/step \d+\/5000/)
  all[1]?.process.kill('SIGKILL')
  const [first] = await ends(all)
  t.match(first, { code: 1 })
  t.match(flat(first?.err ?? ''), /\[group\] rank 1 on \S+ ended: its connection closed/)
  const kept = existsSync(out) ? readdirSync(out) : []
  t.notOk(
    kept.some((name) => name.startsWith('.') || name.endsWith('.damaged')),
    `${kept}`
  )
})

t.test('a signal to one rank stops all, and the run is saved', { skip }, async (t) => {
  const out = join(dir, 'stopped')
  const all = await train(2, ...usual, '--steps', '5000', '--no-test', '--out', out)
  await all[0]?.says(/step \d+\/5000/)
  all[1]?.process.kill('SIGTERM')
  const [first, second] = await ends(all)
  t.equal(second?.code, 143, second?.err ?? '')
  t.match(first, { code: 1 })
  t.match(flat(first?.err ?? ''), /another rank was asked to stop: the run is saved/)
  const { length } = losses(out)
  t.ok(length > 0)
  const on = await runProgram('lib/cli/main.ts', [
    'train',
    ...['--resume', '--steps', `${length + 1}`, '--threads', '1', '--out', out]
  ])
  t.equal(on.code, 0, on.err)
  t.equal(losses(out).length, length + 1)
})

/** The process of a rank that a launcher started. */
function childOf(launcher: Running, rank: number): number | undefined {
  const { pid = 0 } = launcher.process
  const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  return list.map(Number).find((child) => {
    const environment = readFileSync(`/proc/${child}/environ`, 'utf8').split('\0')
    return environment.includes(`RANK=${rank}`)
  })
}

t.test('a launcher starts killed ranks again: the same weights', { skip }, async (t) => {
  const more = ['--steps', '30', '--checkpoint-every', '3', '--no-test']
  const launch = (out: string) =>
    new Running('lib/cli/main.ts', [
      ...['launch', '--nproc', '2', '--max-restarts', '1', '--', 'train'],
      ...[...usual, ...more, '--out', out]
    ])
  const [out, whole] = [join(dir, 'again'), join(dir, 'whole')]
  const launched = launch(out)
  await launched.says(/step \d+\/30/)
  const rank = childOf(launched, 1)
  if (rank !== undefined) process.kill(rank, 'SIGKILL')
  const { code, err } = await launched.ended
  t.equal(code, 0, err)
  t.match(flat(err), /rank 1 .*SIGKILL/)
  const undisturbed = await launch(whole).ended
  t.equal(undisturbed.code, 0, undisturbed.err)
  const weights = (folder: string) => readFileSync(join(folder, 'weights.safetensors'))
  t.ok(weights(out).equals(weights(whole)))
})
