// The memory of a net that several processes train: as planned, the same in each step, and all given back.
import t from 'tap'
import { objects } from './programs.ts'
import { gloo, startRanks } from './ranks.ts'

for (const options of [
  {},
  { gradientDtype: 'bf16' },
  { syncBatchNorm: true, gradientDtype: 'bf16' }
]) {
  const text = JSON.stringify(options)
  t.test(`built with ${text}`, { skip: gloo }, async (t) => {
    const all = await startRanks(2, 'test/group-memory.ts', [text])
    for (const { code, out, err } of await Promise.all(all.map(({ ended }) => ended))) {
      t.equal(code, 0, err)
      const [told] = objects(out)
      t.ok(Number(told?.plan) > 0)
      t.equal(told?.built, told?.plan, 'what was planned, to the byte')
      const steps = Array.isArray(told?.training) ? told.training : []
      t.equal(steps.length, 8)
      t.equal(new Set(steps).size, 1, 'no step takes more')
      t.equal(told?.left, 0)
    }
  })
}
