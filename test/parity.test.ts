// Whole nets against PyTorch, step by step.
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import { distance, type KeptResult, keptResult, sketch } from './pytorch/kept.ts'
import { parity, parityNets } from './pytorch/parity.ts'
import { withoutPytorch } from './pytorch/run.ts'

type Tap = Pick<typeof t, 'ok'>

for (const net of parityNets) {
  t.test(net, { skip: withoutPytorch ?? false }, (t) => agrees(t, net))
}

// Where PyTorch runs, one net shows that the kept file is right.
for (const net of withoutPytorch ? parityNets : (['torchvision'] as const)) {
  t.test(`${net}, against what PyTorch gave once`, (t) => agrees(t, net, keptResult(net)))
}

t.test('a sketch tells tensors apart', async (t) => {
  const values = Float32Array.from({ length: 1000 }, (_, i) => Math.sin(i))
  const other = values.map((value, i) => value + 0.1 * Math.cos(7 * i))
  const whole = distance(other, values)
  const estimate = distance(other, sketch(values))
  t.ok(whole > 0.05 && Math.abs(estimate / whole - 1) < 0.5, `${estimate} for ${whole}`)
  t.equal(distance(values, sketch(values)), 0)
  t.ok(Number.isNaN(distance(values.subarray(1), sketch(values))))
})

async function agrees(t: Tap, net: (typeof parityNets)[number], kept?: KeptResult): Promise<void> {
  await using device = await open('cpu', { threads: 2 })
  const names: string[] = []
  for await (const { name, error, bound } of parity(device, net, kept && { kept })) {
    t.ok(error <= bound, `${name}: ${error.toExponential(1)} off, of ${bound}`)
    names.push(name)
  }
  t.ok(names.some((name) => name.includes('10 losses')))
  t.ok(names.some((name) => name.includes('conv1.weight')))
}
