// Several processes, each with a GPU, train one net: sums by NCCL. All on the doubles, of which NCCL's sums
// between processes.
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { needsDouble, useDouble } from './cuda-double.ts'
import { type Given, start, text } from './gpu-ranks.ts'
import { objects } from './programs.ts'

await useDouble(t)
const { skip } = needsDouble

interface Told {
  readonly rank: number
  readonly losses: readonly number[]
  readonly hash: string
  readonly statistics: readonly number[]
}

/** What each rank says at its end; nothing may be left then. */
async function told(t: Test, count: number, name: string, options: object): Promise<Told[]> {
  const given = JSON.stringify({ gpu: 'cuda:?', ...options })
  const { controls, ended } = await start(t, count, [name, given])
  const all = (await ended).map(({ code, out, err }) => {
    if (code !== 0) throw new Error(err)
    return objects(out).at(-1) as unknown as Told
  })
  for (const control of controls) t.strictSame(control.left(), {}, 'nothing is left')
  return all
}

const furthest = (a: readonly number[], b: readonly number[]) =>
  Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? Number.NaN))))
for (const [name, options] of [
  ['alexnet', { batch: 6, width: 0.125 }],
  ['custom-net', { batch: 7, syncBatchNorm: true }]
] as const) {
  t.test(`${name} by two and three ranks, as by one`, { skip }, async (t) => {
    const [one] = await told(t, 1, name, options)
    t.equal(one?.losses.length, 10)
    for (const count of [2, 3]) {
      const all = await told(t, count, name, options)
      for (const { rank, losses, hash } of all) {
        const off = furthest(losses, one?.losses ?? [])
        t.ok(off < 1e-5, `${rank} of ${count}: ${off}`)
        t.equal(hash, all[0]?.hash, 'all hold the same bits')
      }
    }
  })
}

t.test('gradients in bf16, accumulated, and running statistics of rank 0', { skip }, async (t) => {
  const options = { batch: 4, size: 28, steps: 3, width: 0.125 }
  const [one] = await told(t, 1, 'cifar', options)
  const [two, other] = await told(t, 2, 'cifar', {
    ...options,
    gradientDtype: 'bf16',
    accumulate: 2
  })
  t.equal(two?.losses.length, one?.losses.length)
  t.ok((two?.statistics.length ?? 0) > 0)
  t.equal(two?.hash, other?.hash)
})

t.test('sums and sends, one by one and captured in a graph', { skip }, async (t) => {
  const { ended, controls } = await start(t, 3, ['sum'], { file: 'test/group-gpu-ops.ts' })
  for (const one of await ended) {
    // Of 1, 2 and 3: the sum twice, then what rank 1 has.
    const f32 = [6, 6, 6, 6, 2, 2]
    const bf16 = f32.map((value) => (value === 6 ? 0x40c0 : 0x4000))
    t.strictSame(objects(one.out), [{ same: true, sums: { f32, bf16 } }])
    t.equal(one.err, '')
  }
  for (const control of controls) t.strictSame(control.left(), {})
})

t.test('a rank that is killed', { skip }, async (t) => {
  const options = { gpu: 'cuda:?', steps: 1e6, batch: 4, size: 28, width: 0.125 }
  const { all, controls } = await start(t, 3, ['tf-mnist', JSON.stringify(options)])
  await Promise.all(all.map((rank) => rank.says(/training/)))
  const begun = performance.now()
  all[1]?.process.kill('SIGKILL')
  for (const rank of [0, 2]) {
    const one = await all[rank]?.ended
    t.equal(one?.code, 1)
    t.match(
      text(one ?? { code: 0, signal: null, out: '', err: '' }),
      /\[group\] rank 1 on \S+ ended: .*(all_reduce|broadcast) on rank/,
      'its number, its machine and the collective'
    )
    t.strictSame(controls[rank]?.left(), {}, 'all is given back')
  }
  t.ok(performance.now() - begun < 8000, `${performance.now() - begun} ms`)
})

t.test('a rank that is stopped, and one whose GPU does not come', { skip }, async (t) => {
  const options = { gpu: 'cuda:?', timeout: 4, steps: 1e6, batch: 4, size: 28, width: 0.125 }
  const { all, controls } = await start(t, 2, ['tf-mnist', JSON.stringify(options)])
  await Promise.all(all.map((rank) => rank.says(/training/)))
  all[1]?.process.kill('SIGSTOP')
  const one = await all[0]?.ended
  t.match(one?.err.replace(/\s+/g, ' '), /\[group\] rank 1 on \S+ has been silent/)
  t.strictSame(controls[0]?.left(), {})
  all[1]?.process.kill('SIGKILL')

  const late = await start(t, 2, ['late', '3'], { file: 'test/group-gpu-ops.ts' })
  const first = await late.all[0]?.ended
  t.match(first?.out, /all_reduce on rank 0 \(cuda:0\) did not end within 3 s: another rank hangs/)
  t.strictSame(late.controls[0]?.left(), {})
})

t.test('a process that ends in the middle', { skip }, async (t) => {
  const options = { gpu: 'cuda:?', exitAt: 3, batch: 4, size: 28, width: 0.125 }
  const both = await start(t, 2, ['tf-mnist', JSON.stringify(options)])
  for (const { code } of await both.ended) t.equal(code, 7, 'and no later')
})

t.test("an error that NCCL hears of, and one of another rank's", { skip }, async (t) => {
  const options = { gpu: 'cuda:?', steps: 1e6, batch: 4, size: 28, width: 0.125 }
  const { all, controls, ended } = await start(t, 2, ['tf-mnist', JSON.stringify(options)])
  await Promise.all(all.map((rank) => rank.says(/training/)))
  controls[1]?.set('nccl_error', 6)
  const [zero, one] = await ended
  t.match(one?.err.replace(/\s+/g, ' '), /on rank 1 \(cuda:1\) failed with 6 \(remote process/)
  t.match(zero?.err.replace(/\s+/g, ' '), /\[group\] rank 1 on \S+ failed: /)
  for (const control of controls) t.strictSame(control.left(), {})
})

t.test('what cannot be connected is told by all ranks', { skip }, async (t) => {
  const folder = join(t.testdir({ set: {} }), 'set')
  cpSync(process.env.ALEXNODE_CUDA_PATH ?? '', folder, { recursive: true })
  rmSync(join(folder, 'libnccl.so.2'))
  const say = async (given: Given, options: object = {}) => {
    const small = { gpu: 'cuda:?', batch: 4, size: 28, width: 0.125, timeout: 10 }
    const args = ['tf-mnist', JSON.stringify({ ...small, ...options })]
    const { controls, ended } = await start(t, 2, args, given)
    const all = await ended
    for (const control of controls) t.strictSame(control.left(), {})
    for (const { code } of all) t.equal(code, 1)
    return all.map(text)
  }
  for (const words of await say({}, { gpu: 'cuda:0' })) {
    t.match(words, /a GPU of its own for each rank, got one for two: cuda:0 of rank 1 on \S+ is/)
  }
  const env = (rank: number) => (rank === 1 ? { ALEXNODE_CUDA_PATH: folder } : {})
  for (const words of await say({ env })) {
    t.match(words, /NCCL \(libnccl\.so\.2\), which was not found\. Install it, by `pip install/)
    t.match(words, /\(rank 1 on /)
  }
  const old = (rank: number) => `devices=2${rank === 1 ? ',nccl_version=21301' : ''}`
  for (const words of await say({ settings: old })) {
    t.match(words, /cannot be used: expected NCCL 2\.14 or newer, got 2\.13\.1/)
  }
  const other = (rank: number) => `devices=2${rank === 1 ? ',nccl_version=22105' : ''}`
  for (const words of await say({ settings: other })) {
    t.match(words, /the same version of NCCL on all ranks, got 2\.28\.9 on rank 0, 2\.21\.5 on/)
  }
})
