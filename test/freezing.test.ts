// Layers that stay as they are: what they cost, what the others learn then, on one device and on several.
import t, { type Test } from 'tap'
import { type BuildOptions, openDevices, sgd } from '../lib/index.ts'
import type { Freeze } from '../lib/net/index.ts'
import type { Net } from '../lib/net/net.ts'
import { evaluate } from '../lib/training/evaluate/evaluate.ts'
import { Trainer } from '../lib/training/step/trainer.ts'
import { type Snapshot, type TrainOptions, train } from '../lib/training/train.ts'
import { distance, eagerly, optimizer, run, seed, type Weights, weights } from './courses.ts'
import { fakeCudaFolder, hasCompiler } from './fake-cuda/build.ts'
import { smallNet, smallSet } from './small-net.ts'

const canFake = process.platform === 'linux' && hasCompiler
const needsCompiler = { skip: canFake ? false : 'the double needs Linux and a compiler (c++)' }
if (canFake) process.env.ALEXNODE_CUDA_PATH = await fakeCudaFolder()
process.env.ALEXNODE_FAKE_CUDA = 'memory=512M'

const set = smallSet(26)
/** The layers of the small net with weights, before its first dense layer. */
const features = ['conv1', 'left', 'norm2', 'right']

async function built<T>(
  { on = ['cpu'], ...options }: Partial<BuildOptions> & { readonly on?: readonly string[] },
  work: (net: Net) => Promise<T>
): Promise<T> {
  await using devices = await openDevices(on, { threads: 1, deterministic: true })
  await using net = await smallNet().build(devices.all, { batch: 4, seed, ...options })
  return await work(net)
}

/** Layers of which a parameter differs. */
function changed(a: Weights, b: Weights): string[] {
  const names = [...a].flatMap(([name, { data }]) =>
    String(data) === String(b.get(name)?.data) ? [] : [name.split('.')[0] ?? '']
  )
  return [...new Set(names)]
}

const inNet = (net: Net, names: readonly string[]) =>
  [...new Set(net.parameters.all.map(({ layer }) => layer))].filter((it) => !names.includes(it))

/** Trains, and checks that what is frozen stays as it is, bit for bit, and nothing else does. */
async function course(
  t: Test,
  { on, ...build }: Parameters<typeof built>[0],
  options: Partial<TrainOptions> = {}
) {
  return built({ freeze: 'features', ...build, ...(on && { on }) }, async (net) => {
    const start = await weights(net)
    const losses = await run(net, set, { steps: 12, ...options })
    const end = await weights(net)
    t.strictSame(changed(start, end), inNet(net, [...net.parameters.frozen]), on?.join() ?? 'cpu')
    return { losses, weights: end, loss: (await evaluate(net, set)).loss }
  })
}

t.test('what is frozen has no backward pass, no gradient, and no state', async (t) => {
  const bytes = (net: Net) =>
    Object.fromEntries(net.plan.slabs.map(({ name, bytes }) => [name, bytes]))
  const plans = async (freeze?: Freeze) =>
    built({ freeze, optimizer, ema: 0.9, accumulate: 2 }, async (net) => {
      await using trainer = await Trainer.create(net, set, optimizer, { ema: 0.9, accumulate: 2 })
      const taken = Object.fromEntries(trainer.slabs.map(({ name, bytes }) => [name, bytes]))
      const calls = net.calls.backward.map(({ call }) => call)
      return {
        plan: bytes(net),
        taken,
        backward: [...new Set(calls.map(({ layer, pass }) => (pass === 'backward' ? layer : '')))],
        ops: new Set(calls.map(({ op }) => op.info.name)),
        count: net.parameters.count,
        layers: net.layers
      }
    })
  const whole = await plans()
  const frozen = await plans('features')
  for (const slab of ['gradients', 'optimizer', 'activations']) {
    t.ok((frozen.plan[slab] ?? 0) < (whole.plan[slab] ?? 0), `${slab} are fewer`)
  }
  t.equal(frozen.plan.parameters, whole.plan.parameters)
  // The three dense layers alone: rows of weights and biases, each from a multiple of 64 bytes.
  const dense = [128 * 216, 128, 24 * 128, 24, 10 * 24, 10]
  const padded = dense.reduce((sum, n) => sum + Math.ceil((n * 4) / 64) * 64, 0)
  t.equal(
    frozen.count,
    dense.reduce((sum, n) => sum + n, 0)
  )
  t.equal(frozen.plan.optimizer, 2 * padded, 'momentum and average')
  t.equal(frozen.plan.gradients, 2 * padded, 'gradients, and their sums')
  t.ok((frozen.taken.optimizer ?? 0) - (frozen.plan.optimizer ?? 0) < 1024, 'as planned')
  t.strictSame(
    frozen.backward.filter((layer) => layer !== '').sort(),
    ['drop1', 'fc1', 'fc2', 'fc3', 'sigmoid1'].sort()
  )
  t.notOk([...frozen.ops].some((op) => /conv2d|batch_norm|lrn|pool/.test(op)))
  const summed = (layers: Net['layers']) =>
    layers.reduce((sum, { parameters }) => sum + parameters, 0)
  t.equal(summed(frozen.layers), summed(whole.layers), 'the table counts all')
  t.strictSame(
    frozen.layers.filter(({ frozen }) => frozen).map(({ name }) => name),
    features
  )
})

t.test('frozen layers stay bit for bit, also their decay and statistics', async (t) => {
  const choices: readonly Freeze[] = [
    'features',
    'all-but-head',
    ['conv1'],
    ['norm2', 'fc2'],
    ['fc3']
  ]
  for (const freeze of choices) {
    const { losses } = await course(t, { freeze }, { clipNorm: 1, ema: 0.5 })
    t.ok((losses.at(-1) ?? 9) < (losses[0] ?? 0), `${freeze} learns`)
  }
  await course(t, { freeze: ['norm2', 'fc1'], fuse: false })
  await course(t, { freeze: 'features' }, { accumulate: 2, steps: 6 })
})

t.test('the others learn as with a rate of 0 for the frozen ones', async (t) => {
  // Without batch norm, whose statistics do not depend on a rate.
  const freeze = ['conv1', 'right', 'fc2']
  const courses: TrainOptions['courses'] = ({ layer }) => (freeze.includes(layer) ? still : moving)
  const [still, moving] = [{ rate: () => 0 }, {}]
  const expected = await built({}, async (net) => {
    await run(net, set, { steps: 12, courses })
    return weights(net)
  })
  const { weights: found } = await course(t, { freeze })
  t.ok(distance(found, expected) < 1e-5, `${distance(found, expected)} off`)
})

t.test('recorded and eager steps agree', async (t) => {
  const batches = [Uint32Array.of(0, 1, 2, 3), Uint32Array.of(4, 5, 6, 7)]
  const both = (work: (net: Net) => Promise<unknown>) =>
    built({ freeze: 'features' }, async (net) => {
      await work(net)
      return weights(net)
    })
  const eager = await both((net) => eagerly(net, set, batches))
  const recorded = await both(async (net) => {
    await using trainer = await Trainer.create(net, set, optimizer)
    for (const [step, indices] of batches.entries()) {
      await (await trainer.step(indices, { step, seed, lr: 0.05 })).result
    }
  })
  t.equal(distance(recorded, eager), 0)
})

t.test('weights that are set later count, in builds for testing, too', async (t) => {
  await built({ freeze: 'features' }, async (net) => {
    await run(net, set, { steps: 2 })
    const before = await evaluate(net, set)
    const other = new Map(
      [...(await weights(net))].map(([name, { shape, data }]) => {
        return [
          name,
          { shape, data: name === 'conv1.weight' ? data.map((w) => -w) : data }
        ] as const
      })
    )
    await net.parameters.import(net.stream, other)
    const after = await evaluate(net, set)
    t.not(after.loss, before.loss)
    await run(net, set, { steps: 2 })
    t.equal(
      String((await weights(net)).get('conv1.weight')?.data),
      String(other.get('conv1.weight')?.data)
    )
    // Batches of another size have packed copies of their own.
    t.not((await evaluate(net, set, { batch: 3 })).loss, before.loss)
  })
})

t.test('a run that was saved goes on bit for bit', async (t) => {
  const freeze = ['conv1', 'norm2']
  let saved: Snapshot | undefined
  const save = (snapshot: Snapshot) => {
    saved ??= snapshot
  }
  const whole = await course(t, { freeze }, { ema: 0.9, checkpoint: { every: 5, save } })
  t.strictSame(
    [...(saved?.optimizer.get('v')?.keys() ?? [])].filter((name) => /conv1|norm2/.test(name)),
    [],
    'no state of what is frozen'
  )
  await built({ freeze, seed: 9 }, async (net) => {
    await run(net, set, { steps: 12, ema: 0.9, from: saved })
    t.equal(distance(await weights(net), whole.weights), 0)
  })
})

t.test('replicas and slices give the numbers of one device', async (t) => {
  const freeze = ['conv1', 'fc1']
  const alone = await course(t, { freeze: ['conv1', 'norm2', 'fc1'] })
  const two = ['cpu:0', 'cpu:1']
  const slices = await course(t, { on: two, freeze: ['conv1', 'norm2', 'fc1'] })
  t.ok(distance(slices.weights, alone.weights) < 1e-4, `${distance(slices.weights, alone.weights)}`)
  // Frozen batch norm takes its running statistics on every replica.
  const replicas = await course(t, {
    on: two,
    parallel: 'data',
    freeze: ['conv1', 'norm2', 'fc1']
  })
  t.ok(distance(replicas.weights, alone.weights) < 1e-4)
  await course(t, { on: two, parallel: 'data', freeze }, { accumulate: 2, steps: 6 })
  await course(t, { on: [...two, 'cpu:2', 'cpu:3'], parallel: { replicas: 2 } })
})

t.test('so does the double of CUDA', needsCompiler, async (t) => {
  for (const freeze of ['features', ['norm2', 'fc2']] as const) {
    const cpu = await course(t, { freeze })
    const gpu = await course(t, { on: ['cuda:0'], freeze })
    t.ok(distance(gpu.weights, cpu.weights) < 1e-3, `${distance(gpu.weights, cpu.weights)} off`)
    await course(t, { on: ['cuda:0'], freeze, dtype: 'bf16' })
  }
  await course(t, { on: ['cuda:0#0', 'cuda:0#1'], parallel: 'data' })
})

t.test('bf16 where the CPU has it', async (t) => {
  const has = await built({}, async ({ device }) => device.preferredDType.dtype === 'bf16')
  if (!has) return t.pass('the CPU has no bf16')
  return course(t, { dtype: 'bf16' })
})

t.test('what cannot be frozen is refused by name', async (t) => {
  const build = (options: Partial<BuildOptions>) => built(options, async () => {})
  await t.rejects(build({ freeze: ['convv1'] }), {
    message:
      '[net] small: freeze: expected a layer with weights, one of conv1, left, norm2, right, fc1, ' +
      "fc2, fc3, got 'convv1'; did you mean conv1?"
  })
  await t.rejects(build({ freeze: ['pool1'] }), /got 'pool1', a max_pool, which has none$/)
  await t.rejects(
    build({ freeze: ['features', 'fc1'] }),
    /freeze: expected 'features' alone, or names of layers, got both: leave one out$/
  )
  await t.rejects(build({ freeze: [...features, 'fc1', 'fc2', 'fc3'] }), /left to train, got all/)
  await t.rejects(
    build(JSON.parse('{ "freeze": "head" }')),
    /freeze: expected 'features' or 'all-but-head', or a list/
  )
  await built({ freeze: ['conv1'] }, async (net) => {
    const options = { batch: 2, parameters: net.parameters }
    const { device } = net
    await t.rejects(
      smallNet().build(device, { ...options, freeze: ['fc1'] }),
      /frozen in the build of the parameters, conv1, got fc1; leave freeze out/
    )
    await using other = await smallNet().build(device, options)
    t.ok(other.layers.find(({ name }) => name === 'conv1')?.frozen)
  })
})

t.test('a step with optimizer and loss scale', async (t) => {
  await course(
    t,
    {},
    { optimizer: sgd({ momentum: 0.9, weightDecay: 0.1 }), lossScale: { start: 64 } }
  )
  await built({ freeze: 'all-but-head', batch: 5 }, async (net) => {
    // A batch norm of which one value a channel is left would be refused, were it not frozen.
    let steps = 0
    for await (const _ of train(net, set, { lr: 0.01, epochs: 1 })) steps++
    t.equal(steps, 6)
  })
})
