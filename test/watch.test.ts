// What is wrong with a run is told, once and with its place; of a healthy one nothing, and its numbers stay.
import t from 'tap'
import type { ImageSet } from '../lib/data/dataset.ts'
import { shapes } from '../lib/data/shapes/shapes.ts'
import { type Device, open } from '../lib/engine/device.ts'
import { type BuildOptions, defineNet } from '../lib/index.ts'
import type { NetDefinition } from '../lib/net/definition.ts'
import type { Init } from '../lib/net/graph/init.ts'
import type { LayerNode } from '../lib/net/layer.ts'
import { sigmoid } from '../lib/net/layers/activation.ts'
import { conv2d } from '../lib/net/layers/conv2d.ts'
import { dense } from '../lib/net/layers/dense.ts'
import { flatten } from '../lib/net/layers/flatten.ts'
import { maxPool } from '../lib/net/layers/pool.ts'
import { relu } from '../lib/net/layers/relu.ts'
import { adam, sgd } from '../lib/optim/optimizer.ts'
import { cosine, type Schedule, warmUp } from '../lib/optim/schedule.ts'
import { type Diagnosis, NonFiniteError, type TrainOptions, train } from '../lib/training/train.ts'
import { distance, seed, weights } from './courses.ts'
import { fakeCudaFolder, hasCompiler } from './fake-cuda/build.ts'
import { smallNet, smallSet } from './small-net.ts'

const canFake = process.platform === 'linux' && hasCompiler
const needsCompiler = { skip: canFake ? false : 'the double needs Linux and a compiler (c++)' }

const size = 16
const set = shapes({ size, train: 400, seed: 3 }).train

function netOf(...layers: LayerNode[]): NetDefinition {
  const input = { channels: 1, height: size, width: size }
  return defineNet({ name: 'plain', input, layers: [...layers, dense({ name: 'fc2', units: 10 })] })
}

/** Two convolutions and two dense layers; the second and third of these begin as is said. */
function plain(init: Init = 'he', biasInit: Init = { constant: 0 }): NetDefinition {
  const begin = { init, biasInit }
  return netOf(
    conv2d({ name: 'conv1', filters: 8, size: 3 }),
    relu(),
    maxPool({ size: 2, stride: 2 }),
    conv2d({ name: 'conv2', filters: 8, size: 3, ...begin }),
    relu(),
    flatten(),
    dense({ name: 'fc1', units: 32, ...begin }),
    relu()
  )
}

interface Course extends Partial<TrainOptions> {
  readonly definition?: NetDefinition
  readonly images?: ImageSet
  readonly batch?: number
  /** From one look to the next; 0: none. */
  readonly every?: number
  readonly where?: readonly string[]
  readonly build?: Partial<BuildOptions>
}

/** Trains, and tells what was diagnosed. */
async function course(course: Course) {
  const { definition = plain(), images = set, batch = 20, every = 20, ...more } = course
  const { where = ['cpu'], build, ...options } = more
  const devices: Device[] = []
  try {
    for (const name of where) devices.push(await open(name, { threads: 1 }))
    await using net = await definition.build(devices, { batch, seed, ...build })
    const found: Diagnosis[] = []
    const onDiagnosis = (diagnosis: Diagnosis) => void found.push(diagnosis)
    const losses: number[] = []
    const watch = every === 0 ? undefined : { every, onDiagnosis }
    const optimizer = sgd({ momentum: 0.9 })
    const all = { lr: 0.02, optimizer, seed, steps: 100, watch, ...options }
    let failure: unknown
    try {
      for await (const { loss } of train(net, images, all)) losses.push(loss)
    } catch (error) {
      failure = error
    }
    return { found, losses, failure, weights: await weights(net) }
  } finally {
    for (const device of devices) await device.close()
  }
}

const places = (found: readonly Diagnosis[]) =>
  found.map(({ kind, layer, step }) => ({ kind, layer, step }))

t.test('a healthy run has no diagnosis, and the numbers of one that is not watched', async (t) => {
  const small = { definition: smallNet(), images: smallSet(39), batch: 4, lr: 0.05, steps: 40 }
  const courses: Readonly<Record<string, Course>> = {
    'looked at after every second step, from the start': { every: 2 },
    'every kind of layer, and smaller last batches': { ...small, every: 2 },
    'rates that end at 0': {
      schedule: cosine(),
      every: 5,
      optimizer: sgd({ momentum: 0.9, weightDecay: 1e-3 })
    },
    adam: { optimizer: adam(), lr: 1e-3, every: 3 },
    'steps of several batches': { batch: 5, accumulate: 4, every: 2 },
    'two devices': { where: ['cpu:0', 'cpu:1'] },
    'replicas on two devices': { where: ['cpu:0', 'cpu:1'], build: { parallel: 'data' } }
  }
  for (const [name, options] of Object.entries(courses)) {
    const watched = await course(options)
    const alone = await course({ ...options, every: 0 })
    t.strictSame([watched.found, watched.failure], [[], undefined], name)
    t.strictSame(watched.losses, alone.losses)
    t.equal(distance(watched.weights, alone.weights), 0)
  }
})

t.test('what is meant to stand still is no failure', async (t) => {
  const still: Schedule = ({ step }) => (step < 10 ? 1 : 0)
  t.strictSame((await course({ schedule: still })).found, [], 'a schedule that ends')
  const frozen = { rate: () => 0 }
  const courses = ({ layer }: { layer: string }) => (layer === 'conv1' ? frozen : {})
  t.strictSame((await course({ courses })).found, [], 'a layer that is frozen')
  const late = await course({ lr: 1e-12, schedule: warmUp({ steps: 50 }) })
  t.match(places(late.found), [{ kind: 'vanishing' }], 'but a rate that is too low is')
})

t.test('dead ReLUs', async (t) => {
  const born = { definition: plain('he', { constant: -10 }), steps: 200 }
  const { found } = await course(born)
  t.strictSame(places(found), [{ kind: 'dead', layer: 'conv2', step: 21 }], 'told once')
  t.equal(
    found[0]?.text,
    "Layer 'conv2' is dead: its ReLU gives 0 for all images, and no gradient passes it. Its biases, -10 on " +
      'average, keep it there: begin again with biases from 0, or, where they began so, with a lower rate than 0.02.'
  )
  const unbiased = netOf(
    conv2d({ name: 'conv1', filters: 8, size: 3, bias: false, init: { constant: -1 } }),
    relu(),
    flatten()
  )
  const input = { mean: 'channel', divide: 1 } as const
  const bright = { ...set, mean: [0] }
  const thrown = await course({ definition: unbiased, images: bright, input, lr: 1e-3 })
  t.match(thrown.found, [{ kind: 'dead', layer: 'conv1', text: /a lower one, such as 0\.0001\.$/ }])
  const apart = await course({ ...born, build: { fuse: false } })
  t.match(places(apart.found), [{ kind: 'dead' }], 'also of a net whose layers are not fused')
})

t.test('updates that are too large', async (t) => {
  const definition = netOf(conv2d({ name: 'conv1', filters: 8, size: 3 }), sigmoid(), flatten())
  const { found } = await course({ definition, optimizer: adam(), lr: 0.1, every: 4, steps: 20 })
  t.match(places(found), [{ kind: 'exploding', step: 9 }], 'when three measurements say so')
  t.match(
    found[0]?.text,
    /^A step changes the weights of layer '\w+' by [\d.]+ %, where 0\.1 % is usual\. The rate of 0\.1 is too high for them: try 0\.01\.$/
  )
})

t.test('updates that are too small', async (t) => {
  const low = await course({ lr: 1e-12 })
  t.match(places(low.found), [{ kind: 'vanishing', step: 27 }])
  t.match(low.found[0]?.text, /those of no layer by more than .* The rate of 1e-12 is too low/)
  const init = { normal: { std: 0.01 } }
  const deep = Array.from({ length: 6 }, (_, i) => [
    dense({ name: `deep${i}`, units: 16, init }),
    sigmoid()
  ])
  const faint = await course({ definition: netOf(flatten(), ...deep.flat()) })
  t.match(places(faint.found), [{ kind: 'vanishing', layer: 'deep0', step: 27 }])
  t.match(faint.found[0]?.text, /those of other layers by up to .* Gradients fade before they come/)
})

t.test('a loss that stands where it began', async (t) => {
  const shuffled: ImageSet = {
    ...set,
    async read(indices, images, labels) {
      await set.read(indices, images, labels)
      for (const [row, index] of indices.entries()) labels[row] = ((index * 7919) >>> 3) % 10
    }
  }
  const long = { lr: 0.002, optimizer: sgd(), steps: 300 }
  const wrong = await course({ ...long, images: shuffled })
  t.strictSame(places(wrong.found), [{ kind: 'plateau', layer: undefined, step: 261 }])
  t.match(wrong.found[0]?.text, /^The loss stands at 2\.\d+ since the start, about ln 10: the net /)
  t.match(wrong.found[0]?.text, /look whether the labels are those of the images/)

  const counted = await course({ ...long, images: shuffled, batch: 5, accumulate: 4 })
  t.strictSame(places(counted.found), places(wrong.found), 'steps of four batches of five')

  const caffe = plain({ normal: { std: 0.01 } }, { constant: 5 })
  const flat = await course({ ...long, definition: caffe, lr: 1e-4 })
  t.strictSame(places(flat.found), [{ kind: 'plateau', layer: 'conv2', step: 261 }])
  t.match(flat.found[0]?.text, /Layer 'conv2' gives nearly the same for all images, since biases/)

  const slow = await course({ ...long, lr: 5e-6, definition: plain({ normal: { std: 0.05 } }) })
  t.match(places(slow.found), [{ kind: 'plateau', step: 261 }])
  t.match(slow.found[0]?.text, /A step changes no weights by more than .* than 0\.000005\.$/)
})

t.test('values that are not finite', async (t) => {
  const { found, failure, losses } = await course({ lr: 1e20 })
  t.ok(failure instanceof NonFiniteError)
  t.equal(losses.length, 1)
  t.match(places(found), [{ kind: 'not-finite', layer: String, step: 2 }])
  t.match(found[0]?.text, /^step 2: the loss is .*; it began in layer '/)
})

t.test('a run that goes on is watched, too', async (t) => {
  const saved: Parameters<NonNullable<TrainOptions['checkpoint']>['save']>[0][] = []
  const checkpoint = {
    every: 20,
    save: (snapshot: (typeof saved)[number]) => void saved.push(snapshot)
  }
  const definition = plain('he', { constant: -10 })
  const whole = await course({ definition, checkpoint, steps: 50 })
  const gone = await course({ definition, from: saved[0], steps: 50 })
  t.strictSame(places(gone.found), [{ kind: 'dead', layer: 'conv2', step: 41 }])
  t.strictSame(gone.losses, whole.losses.slice(20))
})

t.test('on the double of CUDA', needsCompiler, async (t) => {
  process.env.ALEXNODE_CUDA_PATH = await fakeCudaFolder()
  const definition = plain('he', { constant: -10 })
  const short = { every: 4, steps: 10 }
  for (const build of [{}, { dtype: 'f16' }] as const) {
    const healthy = { ...short, where: ['cuda:0'], build }
    const watched = await course(healthy)
    t.strictSame([watched.found, watched.failure], [[], undefined])
    t.strictSame(watched.losses, (await course({ ...healthy, every: 0 })).losses)
    const dead = await course({ ...healthy, definition })
    t.strictSame(places(dead.found), [{ kind: 'dead', layer: 'conv2', step: 5 }])
  }
  const two = await course({ ...short, definition, where: ['cuda:0#0', 'cuda:0#1'] })
  t.strictSame(places(two.found), [{ kind: 'dead', layer: 'conv2', step: 5 }])
})

t.test('an interval that cannot be', async (t) => {
  const { failure } = await course({ every: 1 })
  t.match(failure, { message: /watch\.every: expected a whole number from 2, got 1/ })
})
