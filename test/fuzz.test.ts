// A short run of each campaign of `npm run fuzz`: no case fails. And what counts as a failure.
import t from 'tap'
import { DamagedFileError } from '../lib/util/files/errors.ts'
import { campaigns } from './fuzz/campaigns.ts'
import { differences } from './fuzz/nets/compare.ts'
import { mutated } from './fuzz/readers/apply.ts'
import { faultOf } from './fuzz/readers/judge.ts'
import { readerOf } from './fuzz/readers/table.ts'

for (const [name, { skip, run }] of Object.entries(campaigns)) {
  t.test(name, { skip: skip ?? false }, async (t) => {
    const report = await run({ seconds: 5, seed: 20261130, log: (line) => t.comment(line) })
    t.ok(report.cases > 0, `${report.cases} cases, seed ${report.seed}`)
    for (const { input, what } of report.failures) t.fail(`${what}: ${input}`)
  })
}

t.test('errors that are clear, and those that are not', async (t) => {
  const files = new Map([['out/a.npy', new Uint8Array()]])
  const fault = (error: unknown) => faultOf(error, '/tmp/case', files)
  t.equal(fault(new DamagedFileError('[npy] a.npy: expected a header, got none')), undefined)
  t.equal(fault(new Error('[npy] /tmp/case: expected a file')), undefined)
  t.match(fault(new DamagedFileError('[npy] b.npy: expected a header')), /names no file/)
  t.match(fault(new DamagedFileError('a.npy: expected a header')), /without a topic/)
  t.match(fault(new DamagedFileError('[npy] a.npy: got undefined')), /says no value/)
  t.match(fault(new TypeError('[npy] a.npy: x is not a function')), /from inside/)
  t.match(fault(new Error(`[npy] a.npy: ${'x'.repeat(3000)}`)), /characters of error/)
  t.match(fault('a.npy'), /no Error/)
})

t.test('mutations: the same edits give the same bytes, and other ones than the seed', async (t) => {
  const reader = readerOf('safetensors')
  const seed = await reader.seed()
  const edits = [{ part: 1, op: 0, at: 9, size: 0, value: 7 }]
  const once = mutated(reader, seed, { edits, repaired: false })
  t.strictSame(once, mutated(reader, seed, { edits, repaired: false }))
  const bytes = Buffer.from(seed.get('a.safetensors') ?? [])
  bytes[9] = 7
  t.ok(Buffer.from(once.get('a.safetensors') ?? []).equals(bytes))
})

t.test('numbers: a difference is one that rounding does not explain', async (t) => {
  const exact = Float32Array.of(1, 2, 2)
  const expected = new Map([['g/w', { exact, off: Float32Array.of(1e-7, 0, 0) }]])
  const found = (off: number) => new Map([['g/w', Float32Array.of(1 + off, 2, 2)]])
  const check = (off: number, nearest = 1) =>
    differences(found(off), { expected, nearest }, 'f32').length
  t.equal(check(2e-6), 0)
  t.equal(check(2e-4), 1)
  t.equal(check(2e-4, 1e-7), 0, 'a unit is on a kink')
  t.equal(check(Number.NaN), 1)
  t.equal(differences(new Map(), { expected, nearest: 1 }, 'f32').length, 1, 'nothing was found')
})
