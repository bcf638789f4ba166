// Each call of NCCL fails once, on one of two ranks: both end, the first with the call and its code, and nothing is
// left.
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { needsDouble, useDouble } from './cuda-double.ts'
import type { Control } from './fake-cuda/control.ts'
import { start, text } from './gpu-ranks.ts'

await useDouble(t)
const { skip } = needsDouble
const rooms = () => readdirSync('/dev/shm').filter((name) => name.startsWith('alexnode-fake'))

/** Giving back: what is asked has been done, or NCCL's part is aborted instead. */
const passedOver = /^nccl(CommFinalize|CommDestroy|CommAbort)$/

t.test('each call of NCCL fails once', { skip, timeout: 300_000 }, async (t) => {
  const folder = t.testdir()
  /** Two ranks, of which one fails once its device is open. */
  const run = async (name: string, plan: (controls: readonly Control[]) => void) => {
    const go = join(folder, name)
    const small = { gpu: 'cuda:?', batch: 4, size: 28, width: 0.125, steps: 2, timeout: 10, go }
    const { all, controls, ended } = await start(t, 2, ['tf-mnist', JSON.stringify(small)])
    await Promise.all(all.map((rank) => rank.says(/opened/)))
    const before = controls.map((control) => control.calls())
    plan(controls)
    writeFileSync(go, '')
    return { controls, before, ended: await ended }
  }
  const well = await run('well', () => {})
  for (const { code, err } of well.ended) t.equal(code, 0, err)
  // As the first rank calls them: it alone makes the id.
  const calls = [...(well.controls[0]?.calls() ?? [])]
    .map(([name, count]) => [name, count - (well.before[0]?.get(name) ?? 0)] as const)
    .filter(([name, count]) => name.startsWith('nccl') && count > 0)
  t.ok(calls.length >= 7, `${calls.map(([name]) => name)}`)
  for (const [symbol, count] of calls) {
    for (const nth of new Set([1, Math.ceil(count / 2), count])) {
      const rank = symbol === 'ncclGetUniqueId' ? 0 : nth % 2
      const { controls, ended } = await run(`${symbol}-${nth}`, (controls) => {
        controls[rank]?.fail(symbol, nth, 3)
      })
      const what = `${symbol}, call ${nth} of ${count}, on rank ${rank}`
      const words = ended.map(text)
      if (ended.every(({ code }) => code === 0)) {
        // A communicator is looked at as often as there is time.
        t.ok(passedOver.test(symbol) || symbol === 'ncclCommGetAsyncError', `${what}: passed over`)
      } else {
        t.match(words[rank], new RegExp(`${symbol}.* failed with 3 \\(`), what)
        for (const { code } of ended) t.equal(code, 1, what)
        t.match(words[1 - rank], /\[group\]/, what)
      }
      for (const control of controls) t.strictSame(control.left(), {}, what)
    }
  }
  t.strictSame(rooms(), [])
})
