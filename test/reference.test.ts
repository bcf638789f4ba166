// The references themselves: every op has one and rows to try it on, and each backward reference
// returns the finite differences of its forward reference.
import t from 'tap'
import { opCases } from '../lib/selftest/cases.ts'
import { compare } from '../lib/selftest/compare.ts'
import { agreements, finiteDifferences } from '../lib/selftest/gradient.ts'
import { references } from '../lib/selftest/reference/index.ts'
import { expectedOutputs, makeInputs } from '../lib/selftest/values.ts'

const dense = (shape: number[], data: number[]) => ({ shape, data: Float64Array.from(data) })

t.test('every op has rows, and every row a name of its own', async (t) => {
  t.same([...new Set(opCases.map(({ op }) => op))].sort(), Object.keys(references).sort())
  const seen = new Set<string>()
  const repeated = opCases.filter(({ name }) => seen.size === seen.add(name).size)
  t.same(
    repeated.map(({ name }) => name),
    []
  )
})

t.test('references fill the outputs that they are asked for', async (t) => {
  const wrong: string[] = []
  for (const row of opCases.filter(({ name }) => !name.includes('f16'))) {
    const outputs = expectedOutputs(row, makeInputs(row).inputs)
    for (const [name, { shape }] of Object.entries(row.outputs)) {
      const output = outputs[name]
      const length = shape.reduce((a, b) => a * b, 1)
      if (`${output?.shape}` !== `${shape}` || output?.data.length !== length) {
        wrong.push(`${row.name}: ${name} is [${output?.shape}]`)
      }
    }
  }
  t.same(wrong, [])
})

t.test('inputs are the same at each call and stay as they were', async (t) => {
  for (const op of Object.keys(references)) {
    const row = opCases.find((row) => row.op === op)
    if (!row) throw new Error(`no row for ${op}`)
    const { inputs } = makeInputs(row)
    t.same(inputs, makeInputs(row).inputs, row.name)
    expectedOutputs(row, inputs)
    t.same(inputs, makeInputs(row).inputs, `${op} leaves its inputs alone`)
  }
})

t.test('backward references agree with finite differences', async (t) => {
  const rows = opCases.filter((row) => row.forward?.differences)
  const checked = new Map<string, number>()
  for (const row of rows) {
    const values = makeInputs(row)
    const differences = finiteDifferences(row, values)
    // Beyond rounding of what the forward run left in f32 there is only the error of the method.
    const tolerance = { absolute: 2e-5, relative: 2e-5 }
    const all = agreements(differences, expectedOutputs(row, values.inputs), tolerance)
    const wrong = all.filter(({ error, bound }) => error > bound)
    if (wrong.length > 0) t.same(wrong, [], row.name)
    const tried = differences.found.length + differences.kinks
    if (differences.kinks > tried / 2) t.fail(`${row.name}: ${differences.kinks} kinks of ${tried}`)
    checked.set(row.op, (checked.get(row.op) ?? 0) + differences.found.length)
  }
  const withGradient = Object.keys(references).filter((op) => op.includes('_backward'))
  for (const op of [...withGradient, 'cross_entropy']) {
    t.ok((checked.get(op) ?? 0) >= 24, `${op}: ${checked.get(op)} derivatives`)
  }
})

t.test('the check by finite differences finds a wrong gradient', async (t) => {
  const row = opCases.find(({ op, fields }) => op === 'lrn_backward' && fields.alpha === 0.5)
  if (!row) throw new Error('no row')
  const values = makeInputs(row)
  const { dx } = expectedOutputs({ ...row, fields: { ...row.fields, size: 3 } }, values.inputs)
  if (!dx) throw new Error('no dx')
  const found = agreements(
    finiteDifferences(row, values),
    { dx },
    { absolute: 1e-4, relative: 1e-4 }
  )
  t.ok(found.some(({ error, bound }) => error > bound))
})

t.test('max_pool: the first of equals wins, padding never does, NaN does', async (t) => {
  const pool = (data: number[], fields = {}) => {
    const x = dense([1, 1, 2, 2], data)
    const window = { kernel: [2, 2], stride: [2, 2], ...fields }
    return references.max_pool?.(window, { x }, { y: [1, 1, 1, 1], index: [1, 1, 1, 1] })
  }
  t.match(pool([1, 3, 3, 3]), { y: { data: [3] }, index: { data: [1] } })
  t.match(pool([-1, -2, -3, -4], { padding: [1, 0, 1, 0] }), {
    y: { data: [-1] },
    index: { data: [3] }
  })
  t.match(pool([9, Number.NaN, Number.NaN, 9]), { y: { data: [Number.NaN] }, index: { data: [1] } })
})

t.test('lrn: alpha multiplies the sum, windows stop at the border of a group', async (t) => {
  const x = dense([1, 4, 1, 1], [1, 2, 3, 4])
  const run = (fields: Record<string, number>) => [
    ...(references.lrn?.({ beta: 1, k: 1, alpha: 1, ...fields }, { x }, {}).y?.data ?? [])
  ]
  t.same(run({ size: 3 }), [1 / 6, 2 / 15, 3 / 30, 4 / 26])
  t.same(run({ size: 3, groups: 2 }), [1 / 6, 2 / 6, 3 / 26, 4 / 26])
  t.same(run({ size: 2 }), [1 / 2, 2 / 6, 3 / 14, 4 / 26])
})

t.test(
  'cross_entropy: equal logits go by class, wrong labels count for nothing else',
  async (t) => {
    const inputs = {
      logits: dense([3, 3], [0, 0, 0, 5, 5, 5, 1, 2, 3]),
      labels: { shape: [3], data: Int32Array.of(1, 3, 2) },
      valid: { shape: [1], data: Int32Array.of(2) },
      scale: dense([1], [4])
    }
    const shapes = { dlogits: [3, 3], stats: [5] }
    const { dlogits, stats } = references.cross_entropy?.({ topk: 2 }, inputs, shapes) ?? {}
    if (!dlogits || !stats) throw new Error('no outputs')
    const expected = dense([5], [Math.log(3) / 2, 0, 1, 1, 0])
    t.match(compare(stats, expected, { absolute: 1e-12, relative: 0 }), { count: 0 })
    const third = [2 / 3, -4 / 3, 2 / 3, 0, 0, 0, 0, 0, 0]
    t.match(compare(dlogits, dense([3, 3], third), { absolute: 1e-12, relative: 0 }), { count: 0 })
  }
)

t.test('compare names the worst element', async (t) => {
  const tolerance = { absolute: 0.1, relative: 0 }
  const a = dense([2, 2], [1, 2, 3.5, 4.2])
  const b = dense([2, 2], [1, 2, 3, 4])
  t.match(compare(a, b, tolerance), { at: [1, 0], actual: 3.5, expected: 3, count: 2 })
  t.match(compare(a, b, tolerance), { error: 0.5, bound: 0.1 })
  t.match(compare(b, b, tolerance), { count: 0, error: 0 })
  const nan = dense([2, 2], [1, 2, Number.NaN, 4])
  t.match(compare(nan, b, tolerance), { at: [1, 0], error: Infinity, count: 1 })
  t.match(compare(b, nan, tolerance), { at: [1, 0], count: 1 })
  t.match(compare(nan, nan, tolerance), { count: 0 })
  t.throws(() => compare(a, dense([4], [1, 2, 3, 4]), tolerance), /expected the shape \[4\]/)
})

t.test('references name what is missing', async (t) => {
  t.throws(() => references.relu?.({}, {}, {}), /expected an input x/)
  t.throws(() => references.fill?.({ value: 1 }, {}, {}), /expected a shape for y/)
})
