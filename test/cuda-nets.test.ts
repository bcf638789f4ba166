// Whole nets on the double of CUDA, at an eighth of their width: against the CPU, recorded against eager, run
// twice, gone on with, and on several devices at once.
import t, { type Test } from 'tap'
import { type Device, type OpenOptions, open } from '../lib/engine/device.ts'
import { record } from '../lib/engine/index.ts'
import { alexnet, fashion, shapes, torchvision } from '../lib/index.ts'
import type { FloatDType } from '../lib/native/dtype.ts'
import { exportTensors } from '../lib/net/graph/public-tensors.ts'
import { sgd } from '../lib/optim/optimizer.ts'
import { evaluate } from '../lib/training/evaluate/evaluate.ts'
import { type Snapshot, train } from '../lib/training/train.ts'
import { permutation } from '../lib/util/random.ts'
import { distance, eagerly, run, seed, weights } from './courses.ts'
import { needsDouble, useDouble } from './cuda-double.ts'
import { smallNet, smallSet } from './small-net.ts'

const control = await useDouble(t, 'devices=2')

const size = 67
const small = { classes: 10, width: 1 / 8, dropout: 0 }
const input = { channels: 3, height: size, width: size }
// Rates at which losses move, and rounding does not grow into another course within ten steps.
const nets = [
  { definition: alexnet({ ...small, input, init: 'he' }), lr: 1e-3 },
  { definition: fashion({ ...small, input: { ...input, channels: 1 } }), lr: 1e-4 },
  { definition: torchvision({ ...small, input }), lr: 0.01 }
]
const plain = sgd({ momentum: 0.9 })
const bounds = { f32: 1e-3, bf16: 0.1, f16: 0.05 } as const

t.test('a width that leaves no whole filters', async (t) => {
  t.throws(() => alexnet({ width: 0.1 }), /\[net\] width: expected a fraction that leaves whole/)
})

for (const { definition, lr } of nets) {
  t.test(definition.name, needsDouble, async (t) => {
    const { channels } = definition.input
    const set = shapes({ channels, size, train: 40, seed }).train
    const course = async (device: Device, dtype: FloatDType) => {
      await using net = await definition.build(device, { batch: 4, seed, dtype })
      const scaled = dtype === 'f16' ? { lossScale: { start: 1024 } } : {}
      for await (const _ of train(net, set, { steps: 1, lr: 0, seed, ...scaled }));
      const forward = (await evaluate(net, set)).loss
      const places = net.parameters.trained.map((p) => [p, p.gradient.place] as const)
      const gradients = await exportTensors(net.stream, places)
      const losses = await run(net, set, { steps: 10, lr, optimizer: plain, ...scaled })
      return { forward, gradients, losses }
    }
    await using cpu = await open('cpu', { threads: 2 })
    await using cuda = await open('cuda')
    const expected = await course(cpu, 'f32')
    t.ok(Math.abs((expected.losses[9] ?? 0) / (expected.losses[0] ?? 0) - 1) > 1e-4, 'it moves')
    for (const dtype of ['f32', 'bf16', 'f16'] as const) {
      const { forward, gradients, losses } = await course(cuda, dtype)
      const off = losses.map((loss, i) => Math.abs(loss / (expected.losses[i] ?? 0) - 1))
      t.ok(Math.max(...off) < bounds[dtype], `${dtype}: losses ${Math.max(...off)} off`)
      if (dtype !== 'f32') continue
      t.ok(Math.abs(forward / expected.forward - 1) < 1e-5, 'forward')
      const apart = distance(gradients, expected.gradients)
      t.ok(apart < 1e-2, `backward: ${apart} off`)
    }
  })
}

t.test('a recorded step equals the eager one, bit for bit', needsDouble, async (t) => {
  await using device = await open('cuda', { deterministic: true })
  const set = smallSet(12)
  await using recorded = await smallNet().build(device, { batch: 4, seed })
  await using eager = await smallNet().build(device, { batch: 4, seed })
  const before = await weights(eager)
  await run(recorded, set, {})
  const order = permutation(12, seed, 0)
  const batches = [0, 4, 8].map((at) => order.slice(at, at + 4))
  await eagerly(eager, set, batches)
  const after = await weights(recorded)
  t.equal(distance(await weights(eager), after), 0)
  t.ok(distance(after, before) > 1e-3, 'and both have learnt')
})

/** A run of the small net, on a device of its own. */
async function course(name: string, options: OpenOptions = {}, from?: Snapshot, steps = 12) {
  await using device = await open(name, options)
  await using net = await smallNet().build(device, { batch: 4, seed })
  let saved: Snapshot | undefined
  const save = (snapshot: Snapshot) => {
    saved = snapshot
  }
  const losses = await run(net, smallSet(30), { steps, from, checkpoint: { save } })
  return { losses, weights: await weights(net), saved }
}

t.test('deterministic runs repeat, and go on, bit for bit', needsDouble, async (t) => {
  const deterministic = { deterministic: true }
  const once = await course('cuda', deterministic)
  const twice = await course('cuda', deterministic)
  t.same(twice.losses, once.losses)
  t.equal(distance(twice.weights, once.weights), 0)
  const first = await course('cuda', deterministic, undefined, 5)
  const rest = await course('cuda', deterministic, first.saved)
  t.same([...first.losses, ...rest.losses], once.losses)
  t.equal(distance(rest.weights, once.weights), 0)
})

t.test('four devices on two GPUs at once', needsDouble, async (t) => {
  const options = { deterministic: true }
  const alone = await course('cuda:0', options)
  const names = ['cuda:0#0', 'cuda:0#1', 'cuda:1', 'cuda:1#5']
  const together = await Promise.all(names.map((name) => course(name, options)))
  for (const [i, { losses, weights }] of together.entries()) {
    t.same(losses, alone.losses, names[i] ?? '')
    t.equal(distance(weights, alone.weights), 0)
  }
})

t.test('a batch comes to a GPU in one copy', needsDouble, async (t) => {
  await using device = await open('cuda')
  await using net = await smallNet().build(device, { batch: 4, seed })
  const copies = async (steps: number) => {
    const before = control.calls().get('cuMemcpyHtoDAsync_v2') ?? 0
    await run(net, smallSet(30), { steps })
    return (control.calls().get('cuMemcpyHtoDAsync_v2') ?? 0) - before
  }
  await copies(1)
  const few = await copies(2)
  t.equal((await copies(5)) - few, 3)
})

t.test('a stream of high priority goes first, in a recorded program', needsDouble, async (t) => {
  await using device = await open('cuda')
  const like = { shape: [8], dtype: 'f32' } as const
  const [x, y] = [device.allocate(32).tensor(like), device.allocate(32).tensor(like)]
  const last = async (first: 'normal' | 'high', second: 'normal' | 'high') => {
    const streams = [first, second].map((priority) => device.stream({ priority }))
    const [one, other] = streams
    if (!one || !other) throw new Error('no streams')
    const double = await one.prepare('scale', { factor: 2 }, { y, x })
    const triple = await other.prepare('scale', { factor: 3 }, { y, x })
    one.write(x, new Float32Array(8).fill(1))
    await one.synchronize()
    {
      using program = record(streams, () => {
        one.run(double, { y, x })
        other.run(triple, { y, x })
      })
      await program.run()
    }
    const [found] = await one.read(y)
    for (const stream of streams) await stream.close()
    return found
  }
  // Nothing orders the two: the double runs what was called last first, but for priorities.
  t.equal(await last('normal', 'normal'), 2)
  t.equal(await last('high', 'high'), 2)
  t.equal(await last('normal', 'high'), 2)
  t.equal(await last('high', 'normal'), 3)
})

t.test('what a live program uses is not closed', needsDouble, async (t) => {
  await using device = await open('cuda')
  const stream = device.stream()
  const buffer = device.allocate(32)
  const x = buffer.tensor({ shape: [8], dtype: 'f32' })
  const relu = await stream.prepare('relu', {}, { y: x, x })
  const program = record([stream], () => stream.run(relu, { y: x, x }))
  t.throws(() => buffer.close(), /\[buffer\] 1 live program uses it: close that first/)
  await program.run()
  program.close()
  buffer.close()
})

/** @param peers whether GPUs can follow each other's pointers, or the driver carries copies between them */
async function betweenGpus(t: Test, peers: boolean): Promise<void> {
  control.set('peers', peers ? 1 : 0)
  const carried = () => control.calls().get('cuMemcpyPeerAsync') ?? 0
  const before = carried()
  const one = await open('cuda:0')
  const two = await open('cuda:1')
  const [here, there] = [one.stream(), two.stream()]
  const count = 1000
  const like = { shape: [count], dtype: 'f32' } as const
  const [x, y] = [one.allocate(4 * count).tensor(like), one.allocate(4 * count).tensor(like)]
  const [a, b] = [two.allocate(4 * count).tensor(like), two.allocate(4 * count).tensor(like)]
  const double = await here.prepare('scale', { factor: 2 }, { y, x })
  const triple = await there.prepare('scale', { factor: 3 }, { y: b, x: a })
  const numbers = Float32Array.from({ length: count }, (_, i) => i)
  const [sent, back] = [one.event(), two.event()]
  const work = () => {
    here.run(double, { y, x })
    here.record(sent)
    there.wait(sent)
    there.copy(a, y)
    there.run(triple, { y: b, x: a })
    there.record(back)
    here.wait(back)
    here.copy(x, b)
  }
  const six = numbers.map((n) => 6 * n)
  here.write(x, numbers)
  work()
  t.same(await here.read(x), six, 'eager')
  here.write(x, numbers)
  const program = record([here, there], work)
  await program.run()
  await Promise.all([program.run(), program.run()])
  t.same(
    await here.read(x),
    six.map((n) => 36 * n),
    'recorded, three times'
  )
  here.record(back)
  await t.rejects(here.synchronize(), /\[event\] was made on cuda:1, and a stream of cuda:0/)
  program.close()
  await two.close()
  await one.close()
  t.strictSame(control.left(), {})
  t.equal(carried() - before, peers ? 0 : 4, 'two eagerly, two in the program')
  control.set('peers', 1)
}

t.test('copies and events between GPUs, and a program over both', needsDouble, (t) =>
  betweenGpus(t, true)
)

t.test('the same between GPUs that cannot reach each other', needsDouble, (t) =>
  betweenGpus(t, false)
)
