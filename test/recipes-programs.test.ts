// The recipes of programs for one kind of set, keras-fashion and tf-mnist: their numbers, and runs by them.
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { trainArguments } from '../lib/cli/train/arguments.ts'
import type { ImageSet } from '../lib/data/dataset.ts'
import { openData } from '../lib/data/open.ts'
import { shapes } from '../lib/data/shapes/shapes.ts'
import { open } from '../lib/engine/device.ts'
import type { NetDefinition } from '../lib/net/definition.ts'
import { netByName } from '../lib/net/models/index.ts'
import { recipeByName } from '../lib/run/recipes/index.ts'
import { recipeData } from '../lib/run/recipes/input.ts'
import { planOf } from '../lib/run/recipes/plan.ts'
import { recipeOptimizer } from '../lib/run/recipes/run.ts'
import { rowsOf } from '../lib/run/recipes/text.ts'
import { resolveSettings, type TrainSettings } from '../lib/run/settings.ts'
import { ImageOrder } from '../lib/training/loop/image-order.ts'
import { type TrainOptions, train } from '../lib/training/train.ts'
import { writeSmallSet } from './idx-files.ts'
import { objects, runProgram } from './programs.ts'

async function settled(...args: string[]): Promise<TrainSettings> {
  const { settings, defaults } = await trainArguments(args)
  return resolveSettings(settings, undefined, { ...defaults, dtype: 'f32' }, false)
}

t.test('the numbers of the Keras program', async (t) => {
  const { batch, epochs, update, rates, decay, input, sampling, test } =
    recipeByName('keras-fashion')
  t.strictSame(update, { form: 'pytorch', momentum: 0 })
  t.strictSame([rates.weight, rates.bias], [{ rate: 0.01 }, { rate: 0.01 }])
  t.strictSame(decay, { weight: 0, bias: 0 })
  t.strictSame(input, { fit: 'resize', mean: 'none', divide: 255 })
  t.strictSame(test, { views: 1 })
  t.strictSame([batch, epochs], [32, 20])
  // 468 calls of fit on 128 images, of four updates each.
  const { perEpoch, epochLength } = new ImageOrder({ length: 60_000, batch, seed: 1, sampling })
  t.strictSame([perEpoch, epochLength], [468 * 4, 468 * 128])
})

t.test('the numbers of the TensorFlow program', async (t) => {
  const recipe = recipeByName('tf-mnist')
  const { batch, steps, epochs, rates, input, sampling, skip, test } = recipe
  const { op, fields, hyper, weightDecay } = recipeOptimizer(recipe)
  t.match({ op, fields, weightDecay }, { op: 'adam', fields: {}, weightDecay: 0 })
  const [lr, beta1, beta2, epsilon] = hyper({ lr: rates.weight.rate, decay: 0, step: 0 })
  t.strictSame([lr, beta1, beta2, epsilon], [0.001, 0.9, 0.999, 1e-8])
  t.strictSame(input, { fit: 'resize', mean: 'none', divide: 255 })
  t.strictSame(
    [batch, (steps ?? 0) * batch, skip, test],
    [64, 200_000, 5000, { views: 1, images: 256 }]
  )
  const order = new ImageOrder({ length: 55_000, batch, seed: 1, sampling })
  t.equal(epochs * order.perEpoch, steps)
  const own = recipeOptimizer(recipe, { momentum: 0.8, beta2: 0.98, weightDecay: 0.1 })
  t.strictSame(
    own.hyper({ lr: 1, decay: own.weightDecay, step: 1 }).slice(0, 5),
    [1, 0.8, 0.98, 1e-8, 0.1]
  )
})

t.test('the images that are taken', async (t) => {
  const recipe = recipeByName('tf-mnist')
  const data = shapes({ channels: 1, size: 16, train: 5003, test: 300, seed: 1 })
  const { train, test } = recipeData(recipe, data)
  t.strictSame([train.length, test.length], [3, 256])
  const labels = [new Int32Array(3), new Int32Array(3)] as const
  const bytes = [new Uint8Array(3 * 256), new Uint8Array(3 * 256)] as const
  await train.read(Uint32Array.of(0, 1, 2), bytes[0], labels[0])
  await data.train.read(Uint32Array.of(5000, 5001, 5002), bytes[1], labels[1])
  t.strictSame([labels[0], bytes[0]], [labels[1], bytes[1]])
  const few = shapes({ channels: 1, size: 16, train: 5000, test: 20, seed: 1 })
  const all = recipeData(recipe, few)
  t.equal(all.train, few.train, 'a set that is too small keeps its images')
  t.equal(all.test, few.test)
  const keras = recipeData(recipeByName('keras-fashion'), data)
  t.strictSame([keras.train, keras.test], [data.train, data.test])
})

t.test('the command line', async (t) => {
  const keras = await settled('--recipe', 'keras-fashion')
  t.match(keras, { net: 'keras-fashion', batch: 32, epochs: 20, optimizer: 'sgd', momentum: 0 })
  t.match(keras, { lr: 0.01, weightDecay: 0, schedule: 'recipe' })
  const mnist = await settled('--recipe', 'tf-mnist')
  t.match(mnist, { net: 'tf-mnist', batch: 64, steps: 3125, optimizer: 'adam', lr: 0.001 })
  t.match(mnist, { momentum: 0.9, beta2: 0.999, weightDecay: 0 })
  t.notOk('epochs' in mnist)
  const longer = await settled('--recipe', 'tf-mnist', '--epochs', '2')
  t.notOk('steps' in longer, 'epochs take the place of steps')

  const data = shapes({ size: 28, train: 300, test: 20 })
  const plan = planOf(mnist, data)
  t.match(plan, { sampling: { across: true }, input: { fit: 'resize', mean: 'none', divide: 255 } })
  t.strictSame(plan.notes, [])
  t.equal(plan.optimizer.op, 'adam')
  t.strictSame(planOf(longer, data).notes, [
    'Not as in the recipe, as asked for: 2 epochs instead of 3125 steps.'
  ])
  const own = await settled('--recipe', 'tf-mnist', '--beta2', '0.98', '--optimizer', 'adam')
  const { optimizer, notes } = planOf(own, data)
  t.equal(optimizer.hyper({ lr: 1, decay: 0, step: 0 })[2], 0.98)
  t.strictSame(notes, ['Not as in the recipe, as asked for: beta2 0.98 instead of 0.999.'])
  const other = planOf(await settled('--recipe', 'tf-mnist', '--optimizer', 'sgd'), data)
  t.equal(other.optimizer.op, 'sgd')
  t.match(other.notes, [/optimizer sgd instead of adam/])
  t.strictSame(planOf(keras, data).notes, [])
})

t.test('as text', (t) => {
  const rows = (name: string, without: readonly string[] = []) =>
    new Map(rowsOf(recipeByName(name, without)).map(({ name, value }) => [name, value]))
  const keras = rows('keras-fashion')
  t.equal(keras.get('draws'), '128 images at a time, with replacement, shuffled, for 4 steps')
  t.strictSame([keras.get('mean'), keras.get('photos')], ['divided by 255', undefined])
  const mnist = rows('tf-mnist')
  t.match(mnist.get('draws'), /every image once an epoch, in batches across .* first 5000 images/)
  t.match(mnist.get('conv1'), /σ 1, bias σ 1 .* LRN over 9: k 1, α 0.0001111 of the sum/)
  t.strictSame(
    ['length', 'update', 'test'].map((name) => mnist.get(name)),
    ['3125 steps', 'Adam: β₁ 0.9, β₂ 0.999', 'whole images, the first 256']
  )
  t.notMatch(rows('tf-mnist', ['no-lrn']).get('conv1'), /LRN/)
  t.equal(rows('paper').get('draws'), 'every image once an epoch')
  t.throws(() => rows('tf-mnist', ['pool-2x2']), /tf-mnist has no windows of 3×3: leave it out/)
  t.throws(() => rows('keras-fashion', ['no-lrn']), /keras-fashion has no norm layers/)
  t.throws(() => rows('keras-fashion', ['no-links']), /keras-fashion is no net of two towers/)
  t.throws(() => rows('tf-mnist', ['no-colour']), /tf-mnist has no noise on colours/)
  t.end()
})

t.test('the command line trains as the examples do', async (t) => {
  const data = shapes({ channels: 1, size: 28, train: 100, test: 10 })
  const recipe = recipeByName('tf-mnist')
  const settings = await settled('--recipe', 'tf-mnist', '--steps', '3')
  await using device = await open('cpu', { threads: 2 })
  const lossesBy = async (definition: NetDefinition, set: ImageSet, options: TrainOptions) => {
    await using net = await definition.build(device, { batch: recipe.batch })
    const losses: number[] = []
    for await (const { loss } of train(net, set, options)) losses.push(loss)
    return losses
  }
  const plan = planOf(settings, data)
  const { optimizer, schedule, courses, input, sampling } = plan
  const { lr, seed, steps } = settings
  const planned = await lossesBy(plan.definition, plan.data.train, {
    optimizer,
    schedule,
    courses,
    input,
    sampling,
    lr,
    seed,
    steps
  })
  const { rates, net } = recipe
  const definition = netByName(net.name, net.options)
  const parts = {
    optimizer: recipeOptimizer(recipe),
    lr: rates.weight.rate,
    input: recipe.input,
    sampling: recipe.sampling,
    steps: 3
  }
  t.strictSame(await lossesBy(definition, recipeData(recipe, data).train, parts), planned)
  t.equal(planned.length, 3)
})

t.test('a run that is resumed ends with the same bytes', async (t) => {
  const folder = t.testdir()
  await writeSmallSet(join(folder, 'mnist'))
  const out = join(folder, 'run')
  const start = (...more: string[]) =>
    runProgram('lib/cli/main.ts', ['train', '--out', out, '--json', '--threads', '2', ...more])
  const data = ['--recipe', 'tf-mnist', '--data', join(folder, 'mnist'), '--batch', '10']
  const whole = await start(...data, '--steps', '6', '--checkpoint-every', '4')
  t.equal(whole.code, 0, whole.err)
  const lossesOf = (text: string) => objects(text).flatMap(({ loss, step }) => (step ? [loss] : []))
  const losses = lossesOf(whole.out)
  t.equal(losses.length, 6)
  const bytes = readFileSync(join(out, 'weights.safetensors'))
  // As if it had been stopped after step 4, in the middle of an epoch.
  rmSync(join(out, 'weights.safetensors'))
  const checkpoints = readdirSync(out).filter((name) => name.startsWith('checkpoint-'))
  t.equal(checkpoints.length, 2)
  rmSync(join(out, checkpoints.sort().at(-1) ?? ''), { recursive: true })
  const resumed = await start('--resume')
  t.equal(resumed.code, 0, resumed.err)
  t.strictSame(lossesOf(resumed.out), losses.slice(4))
  t.ok(readFileSync(join(out, 'weights.safetensors')).equals(bytes))
  const { train } = await openData(join(folder, 'mnist'))
  t.equal(train.length, 24, 'batches of 10 go across the end of epochs')
})
