// Training as a whole: recorded against eager, threads, the last smaller batch, values that are not
// finite, and input that does not suit.
import t from 'tap'
import type { ImageSet } from '../lib/data/dataset.ts'
import { type Device, open } from '../lib/engine/device.ts'
import { cpuInfo } from '../lib/engine/index.ts'
import { alexnet, defineNet } from '../lib/index.ts'
import { Parameters } from '../lib/net/graph/parameters.ts'
import { Tape } from '../lib/net/graph/tape.ts'
import type { LayerNode } from '../lib/net/layer.ts'
import { conv2d } from '../lib/net/layers/conv2d.ts'
import { dense } from '../lib/net/layers/dense.ts'
import { flatten } from '../lib/net/layers/flatten.ts'
import { add } from '../lib/net/layers/join.ts'
import { evaluate } from '../lib/training/evaluate/evaluate.ts'
import { Trainer } from '../lib/training/step/trainer.ts'
import { NonFiniteError, train } from '../lib/training/train.ts'
import { permutation } from '../lib/util/random.ts'
import { distance, eagerly, optimizer, rates, run, seed, sgdRates, weights } from './courses.ts'
import { smallNet, smallSet } from './small-net.ts'

t.test('a recorded step equals the eager one, bit for bit', async (t) => {
  await using device = await open('cpu')
  const set = smallSet(12)
  await using recorded = await smallNet().build(device, { batch: 4, seed })
  const before = await weights(recorded)
  t.equal((await run(recorded, set, {})).length, 3)
  await using eager = await smallNet().build(device, { batch: 4, seed })
  t.equal(distance(await weights(eager), before), 0, 'the same seed gives the same weights')
  const order = permutation(12, seed, 0)
  await eagerly(
    eager,
    set,
    [0, 4, 8].map((at) => order.slice(at, at + 4))
  )
  const after = await weights(recorded)
  t.equal(distance(await weights(eager), after), 0, 'the same weights')
  t.ok(distance(after, before) > 1e-3, 'and both have learnt')
})

t.test('fused and unfused steps agree', async (t) => {
  await using device = await open('cpu')
  const set = smallSet(12)
  const found = []
  for (const fuse of [true, false]) {
    await using net = await smallNet().build(device, { batch: 4, seed, fuse })
    const cuts = net.calls.backward.flatMap(({ call: { op, args, layer } }) =>
      op.name === 'relu_backward' || args.mask ? [`${op.name}: ${layer}`] : []
    )
    found.push({ losses: await run(net, set, {}), weights: await weights(net), cuts })
  }
  const [a, b] = found
  if (!a || !b) throw new Error('no runs')
  const [sum, norm2] = ['relu_backward: sum', 'relu_backward: norm2']
  t.strictSame(a.cuts, ['dense_backward_data: fc2', sum, norm2], "past the dropout, fc1's ReLU")
  const apart = ['relu4', 'relu3', 'relu2'].map((layer) => `relu_backward: ${layer}`)
  t.strictSame(b.cuts, apart)
  t.ok(a.losses.every((loss, i) => Math.abs(loss / (b.losses[i] ?? 0) - 1) < 1e-5))
  t.ok(distance(a.weights, b.weights) < 1e-4)
})

t.test('the number of threads changes sums by rounding alone', async (t) => {
  // oneDNN shares the sums of weights' gradients out among threads, so bits may differ.
  const set = smallSet(12)
  const found = []
  for (const threads of [1, 2, 2]) {
    await using device = await open('cpu', { threads })
    await using net = await smallNet().build(device, { batch: 4, seed })
    await run(net, set, {})
    found.push(await weights(net))
  }
  const [one, two, again] = found
  if (!one || !two || !again) throw new Error('no runs')
  t.ok(distance(one, two) < 1e-4, `1 and 2 threads: ${distance(one, two)} off`)
  t.equal(distance(two, again), 0, 'the same number of threads gives the same bits')
})

t.test('a smaller last batch is trained on exactly', async (t) => {
  await using device = await open('cpu')
  const set = smallSet(10)
  await using whole = await smallNet().build(device, { batch: 4, seed })
  const losses = await run(whole, set, { epochs: 1 })
  t.equal(losses.length, 3)

  const order = permutation(10, seed, 0)
  await using first = await smallNet().build(device, { batch: 4, seed })
  await using last = await smallNet().build(device, { batch: 2, seed: seed + 1 })
  await using trainer = await Trainer.create(first, set, optimizer)
  for (const step of [0, 1]) {
    const indices = order.slice(4 * step, 4 * step + 4)
    await (await trainer.step(indices, { step, seed, lr: rates.lr })).result
  }
  await using smaller = await Trainer.create(last, set, optimizer)
  await smaller.import(await trainer.export())
  const { result } = await smaller.step(order.slice(8), { step: 2, seed, lr: rates.lr })
  t.equal((await result).loss, losses[2])
  t.equal(distance(await weights(last), await weights(whole)), 0, 'the same weights')
})

t.test('a smaller last batch is evaluated exactly', async (t) => {
  await using device = await open('cpu')
  const set = smallSet(10)
  await using net = await smallNet().build(device, { batch: 4, seed })
  await run(net, set, { epochs: 1 })
  const whole = await evaluate(net, set)
  const single = await evaluate(net, set, { batch: 1 })
  t.equal(whole.images, 10)
  t.ok(Math.abs(whole.loss / single.loss - 1) < 1e-5, `${whole.loss}, one by one ${single.loss}`)
  t.equal(whole.top1, single.top1)
  t.equal(whole.top5, single.top5)
  t.same(await evaluate(net, set, { batch: 50 }).then(({ images }) => images), 10)
})

t.test('values that are not finite', async (t) => {
  await using device = await open('cpu')
  const set = smallSet(16)

  await t.test('name their layer and leave the weights alone', async (t) => {
    await using net = await smallNet().build(device, { batch: 4, seed })
    const poisoned = await weights(net)
    poisoned.get('left.weight')?.data.fill(Number.POSITIVE_INFINITY, 0, 1)
    await net.parameters.import(net.stream, poisoned)
    const error = await run(net, set, {}).catch((error: unknown) => error)
    t.ok(error instanceof NonFiniteError)
    t.match(error, { message: /step 1: .*began in layer 'left', forward/ })
    t.same(await weights(net), poisoned)
  })

  await t.test('leave the last good weights, though steps were under way', async (t) => {
    await using good = await smallNet().build(device, { batch: 4, seed })
    await run(good, set, { steps: 1, lr: 1e20 })
    await using net = await smallNet().build(device, { batch: 4, seed })
    await t.rejects(run(net, set, { steps: 4, lr: 1e20 }), {
      name: 'NonFiniteError',
      message: /step 2/
    })
    t.equal(distance(await weights(net), await weights(good)), 0, 'those of the step before')
    await net.parameters.initialise(net.stream, seed)
    t.equal((await run(net, set, { steps: 2 })).length, 2, 'and training can begin again')
  })
})

t.test('a signal ends a run after the steps under way', async (t) => {
  await using device = await open('cpu')
  await using net = await smallNet().build(device, { batch: 2, seed })
  const abort = new AbortController()
  const seen: number[] = []
  const saved: number[] = []
  const options = {
    ...sgdRates,
    steps: 50,
    signal: abort.signal,
    checkpoint: { save: ({ state }: { state: { step: number } }) => void saved.push(state.step) }
  }
  for await (const { step } of train(net, smallSet(16), options)) {
    seen.push(step)
    if (step === 3) abort.abort()
  }
  t.ok(seen.length >= 3 && seen.length <= 5, `${seen.length} steps`)
  t.same(saved, [seen.length], 'the state is saved once, where the run ended')
  const late = evaluate(net, smallSet(16), { signal: abort.signal })
  await t.rejects(late, { name: 'AbortError' })
})

t.test('data that do not suit', async (t) => {
  await using device = await open('cpu')
  await using net = await smallNet().build(device, { batch: 4, seed })
  const set = smallSet(8)
  const labelled: ImageSet = {
    ...set,
    async read(indices, images, labels) {
      await set.read(indices, images, labels)
      labels[2] = 10
    }
  }
  await t.rejects(run(net, labelled, {}), /expected a label from 0 to 9, got 10/)
  await t.rejects(evaluate(net, labelled), /expected a label from 0 to 9, got 10/)
  const [mean, std] = [set.mean, set.std].map((one) => [...one, ...one, ...one])
  const colour = { ...set, channels: 3, mean: mean ?? [], std: std ?? [] }
  await t.rejects(run(net, colour, {}), /expected images of 1 channels for small, got 3/)
  await t.rejects(evaluate(net, colour), /expected images of 1 channels for small, got 3/)
  const fewer = { ...set, classes: set.classes.slice(1) }
  await t.rejects(run(net, fewer, {}), /expected 10 classes for small, got 9/)
  const broken: ImageSet = { ...set, read: () => Promise.reject(new Error('no such disk')) }
  await t.rejects(run(net, broken, {}), /no such disk/)
  t.equal((await run(net, set, {})).length, 2, 'and after all that the net still trains')
})

t.test('options that do not suit', async (t) => {
  await using device = await open('cpu')
  await using net = await smallNet().build(device, { batch: 4, seed })
  const set = smallSet(8)
  await t.rejects(run(net, set, { lr: -1 }), /lr: expected a number from 0, got -1/)
  await t.rejects(run(net, set, { momentum: Number.NaN }), /momentum: expected a number/)
  await t.rejects(run(net, set, { weightDecay: -1 }), /weightDecay: expected a number/)
  await t.rejects(smallNet().build(device, { batch: 0 }), /batch: expected a whole number from 1/)
  await using inference = await smallNet().build(device, { batch: 4, training: false })
  await t.rejects(run(inference, set, {}), /expected a net built for training/)
  await net.close()
  await t.rejects(run(net, set, {}), /small is closed/)
  await t.rejects(evaluate(net, set), /small is closed/)
  t.throws(() => net.forward(), /small is closed/)
})

t.test('masters that are read in bf16 alone lie as their gradients do', async (t) => {
  await using device = await open('cpu')
  const tape = new Tape(device.stream())
  const weight = { name: 'weight', shape: [32, 16, 1, 1], init: 'he' } as const
  const parameters = new Parameters()
  const parameter = parameters.declare('conv', weight)
  await tape.call('relu', {}, { y: tape.value('y', 'bf16'), x: tape.weights(parameter, 'bf16') })
  const images = (name: string, channels: number) =>
    tape.value(name, 'f32', [2, channels, 5, 5], 'aBcd8b')
  const { gradient, master } = parameter
  const args = { dw: gradient, x: images('x', 16), dy: images('dy', 32) }
  await tape.call('conv2d_backward_weights', {}, args)
  const { dw } = tape.calls.at(-1)?.op.slots ?? {}
  t.not(dw?.layout, 'abcd', 'the op has chosen a layout')
  const refresh = await tape.refresh(parameters.all)
  for (const { layout, bytes } of [gradient, master]) {
    t.same([layout, bytes], [dw?.layout, dw?.bytes])
  }
  t.equal(refresh.calls.at(-1)?.op.slots.x?.layout, dw?.layout)
  for (const used of [tape, refresh]) used.close()
})

t.test('nets that cannot be', async (t) => {
  const input = { channels: 3, height: 8, width: 8 }
  const of = (...layers: LayerNode[]) => defineNet({ name: 'odd', input, layers })
  const conv = (name: string, size = 3) => conv2d({ name, filters: 4, size })
  t.throws(() => of(), /layers: expected a list of 1 or more values, each a layer, .* got \[\]/)
  t.throws(() => of(conv('a'), conv('a')), /two layers are called 'a'/)
  const reads = () => of(conv('a'), conv2d({ name: 'b', filters: 4, size: 3, inputs: ['c'] }))
  t.throws(
    reads,
    /layer 'b' reads 'c', and no layer before it has that name: expected one of input, a/
  )
  t.throws(
    () => defineNet({ name: 'odd', input: { ...input, width: 0 }, layers: [conv('a')] }),
    /width/
  )

  const device: Device = await open('cpu')
  const fails = (message: RegExp, ...layers: LayerNode[]) =>
    t.rejects(of(...layers).build(device, { batch: 2 }), message)
  await fails(/layer 'fc' \(dense\): .*\[N, C\].*got \[2,3,8,8\]/, dense({ name: 'fc', units: 2 }))
  await fails(/layer 'wide' \(conv2d\): /, conv('wide', 9))
  await fails(
    /layer 'a' .*groups that divide 3/,
    conv2d({ name: 'a', filters: 4, size: 1, groups: 2 })
  )
  await fails(/last layer to give \[N, classes\], got \[2,4,6,6\]/, conv('a'))
  await fails(
    /layer 'sum' \(add\): .*expected \(2, 4, 6, 6\), got \(2, 4, 4, 4\)|layer 'sum' \(add\): /,
    ...[
      conv('a'),
      conv('b'),
      add({ name: 'sum', inputs: ['a', 'b'] }),
      flatten(),
      dense({ units: 2 })
    ]
  )
  t.match(device.memory(), { live: 0, blocks: 0 }, 'and none of them keeps memory')

  const large = alexnet().build(device, { batch: 200_000 })
  await t.rejects(
    large,
    /alexnet with batch 200000 needs \d+ MiB on cpu, and \d+ MiB are available/
  )
  t.match(device.memory(), { live: 0, blocks: 0, peak: 0 }, 'nothing was taken')
  if (cpuInfo.bf16) t.pass('bf16 is refused', { skip: 'this CPU computes in bf16' })
  else {
    const bf16 = smallNet().build(device, { batch: 2, dtype: 'bf16' })
    await t.rejects(bf16, /cannot compute in bf16: it needs AVX-512/)
  }
  const f16 = smallNet().build(device, { batch: 2, dtype: 'f16' })
  await t.rejects(f16, /cannot compute in f16, which is for GPUs/)
  await device.close()
  await t.rejects(smallNet().build(device, { batch: 2 }), /\[device\] cpu is closed/)
})
