// The model of a step of several processes, and the tables of docs/scale.md that are made of it.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { modelStep, splitDense, sumsOf } from '../bench/scale-model.ts'
import { layersOf, withTables } from '../bench/scale-page.ts'

const usual = { compute: 1, bandwidth: 100, latency: 0, overlaps: true }
const near = (t: { ok(value: boolean, name: string): unknown }, a: number, b: number) =>
  t.ok(Math.abs(a - b) < 1e-9, `${a}, ${b}`)

t.test('the page is made by the model', async (t) => {
  const text = readFileSync('docs/scale.md', 'utf8')
  t.equal(await withTables(text), text, 'node --import tsx bench/scale-page.ts makes it')
})

t.test('a step', async (t) => {
  const seconds = (more: Partial<Parameters<typeof modelStep>[0]>) =>
    modelStep({ ...usual, ranks: 2, sums: [], ...more }).seconds
  near(t, seconds({}), 1)
  near(t, seconds({ ranks: 1, sums: [{ bytes: 1000, ready: 1 }] }), 1)
  // Two ranks send all bytes once, many send them twice.
  near(t, seconds({ sums: [{ bytes: 100, ready: 1 }] }), 2)
  near(t, seconds({ ranks: 1000, sums: [{ bytes: 100, ready: 1 }] }), 2.998)
  near(t, seconds({ sums: [{ bytes: 50, ready: 0.5 }] }), 1)
  // The second sum waits for the first one, then for its gradients.
  const late = { bytes: 100, ready: 0.25 }
  near(t, seconds({ sums: [late, { bytes: 10, ready: 0.5 }] }), 1.35)
  near(t, seconds({ sums: [{ bytes: 10, ready: 0.25 }, late] }), 1.35)
  near(t, seconds({ sums: [late], overlaps: false }), 2)
  near(t, seconds({ blocking: 50 }), 1.5)
  near(t, seconds({ ranks: 8, sums: [{ bytes: 0, ready: 1 }], latency: 0.01 }), 1.06)
  near(t, modelStep({ ...usual, ranks: 2, sums: [{ bytes: 100, ready: 1 }] }).waiting, 0.5)
})

t.test('the sums of alexnet', async (t) => {
  const layers = await layersOf()
  const sums = sumsOf(layers, 4)
  t.equal(
    sums.reduce((all, { bytes }) => all + bytes, 0),
    4 * layers.reduce((all, { parameters }) => all + parameters, 0)
  )
  t.strictSame(
    sums.map(({ dense }) => dense),
    [true, true, true, false, false]
  )
  t.ok(sums.every(({ ready }, i) => ready >= (sums[i - 1]?.ready ?? 1 / 3) && ready <= 1))
  near(t, sums.at(-1)?.ready ?? 0, 1)
  const split = splitDense(layers, sums, { batch: 3, bytes: 4, ranks: 8, of: 64 })
  // Each image is 9,216 + 4,096 + 4,096 values before the dense layers.
  t.equal(split.blocking, 2 * 7 * 3 * 17_408 * 4)
  t.equal(split.sums[0]?.bytes, (sums[0]?.bytes ?? 0) / 8)
  t.equal(split.sums[0]?.over, 8)
  t.strictSame(split.sums.at(-1), sums.at(-1))
})
