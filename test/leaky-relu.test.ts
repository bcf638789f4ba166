// The leaky ReLU: the op against PyTorch, the layer against its formula, and what is refused.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import { conv2d } from '../lib/net/layers/conv2d.ts'
import { flatten } from '../lib/net/layers/flatten.ts'
import { leakyRelu } from '../lib/net/layers/leaky-relu.ts'
import { upTo } from '../lib/use/cut.ts'
import { define } from './noise.ts'
import { python, withoutPytorch } from './pytorch/run.ts'

const values = [-3, -0.5, -1e-3, 0, 1e-3, 0.25, 7, Number.NaN]
const gradients = [1, -2, 0.5, 3, -1, 4, 0.125, 1]

/** Runs the op forward and backward in f32. */
async function run(fields: { readonly slope?: number }) {
  await using device = await open('cpu')
  const stream = device.stream()
  const shape = [values.length, 1]
  const spec = { shape, dtype: 'f32' } as const
  const forward = await stream.prepare('leaky_relu', fields, { y: spec, x: spec })
  const backward = await stream.prepare('leaky_relu_backward', fields, {
    dx: spec,
    y: spec,
    dy: spec
  })
  const tensor = () => device.allocate(4 * values.length).tensor(spec)
  const [x, y, dx, dy] = [tensor(), tensor(), tensor(), tensor()]
  stream.write(x, Float32Array.from(values))
  stream.write(dy, Float32Array.from(gradients))
  stream.run(forward, { y, x })
  stream.run(backward, { dx, y, dy })
  return { y: [...(await stream.read(y))], dx: [...(await stream.read(dx))] }
}

const script = `
import json, sys, torch
slope, values, gradients = json.loads(sys.argv[1])
x = torch.tensor([float(v) for v in values], requires_grad=True)
y = torch.nn.functional.leaky_relu(x, slope)
y.backward(torch.tensor([float(g) for g in gradients]))
print(json.dumps([[str(v) for v in y.tolist()], [str(v) for v in x.grad.tolist()]]))
`

for (const slope of [0.01, 0.25, 1.5]) {
  t.test(`slope ${slope}: as PyTorch`, { skip: withoutPytorch ?? false }, async (t) => {
    const found = await run({ slope })
    // As texts, since JSON has no NaN.
    const numbers = JSON.stringify([slope, values.map(String), gradients])
    const { stdout } = await promisify(execFile)(python ?? '', ['-c', script, numbers])
    const [y, dx] = JSON.parse(stdout).map((list: string[]) => list.map(Number))
    // Python writes NaN as nan.
    t.same(found.y, y)
    // Of a NaN there is no slope: ours follows y, which is not above 0.
    t.same(found.dx.slice(0, -1), dx.slice(0, -1))
  })
}

t.test('the default slope is .01', async (t) => {
  t.same(await run({}), await run({ slope: 0.01 }))
  t.same((await run({})).y[0], Math.fround(-3 * Math.fround(0.01)))
})

t.test('a slope below 0 is refused', async (t) => {
  const message = (got: string) => `[leaky_relu] slope: expected a number from 0, got ${got}`
  t.throws(() => leakyRelu({ slope: -0.1 }), { message: message('-0.1') })
  t.throws(() => leakyRelu({ slope: Number.NaN }), { message: message('NaN') })
})

t.test('it belongs to the layer before it', async (t) => {
  const net = define([conv2d({ name: 'a', filters: 4, size: 3 }), leakyRelu(), flatten()])
  const kinds = upTo(net, 'a').layers.map(({ node }) => node.kind)
  t.same(kinds, ['conv2d', 'leaky_relu', 'flatten'])
})
