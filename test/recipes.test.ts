// Every figure that is known of the five recipes for ImageNet, against what recipes and their nets say.
import t from 'tap'
import { type Device, open } from '../lib/engine/device.ts'
import type { Draft } from '../lib/net/draft.ts'
import { netByName } from '../lib/net/models/index.ts'
import { ablationNames, ablations } from '../lib/run/recipes/ablation.ts'
import { imageNetColours } from '../lib/run/recipes/colours.ts'
import { recipeByName, recipes } from '../lib/run/recipes/index.ts'
import { courseOf, rateAt } from '../lib/run/recipes/recipe.ts'
import { recipeCourses, recipeOptimizer } from '../lib/run/recipes/run.ts'
import { definitionOf, differences, rowsOf } from '../lib/run/recipes/text.ts'

/** A recipe's net, drafted for one image. */
async function drafted(
  t: { teardown(work: () => Promise<void>): void },
  name: string,
  without: readonly string[] = []
): Promise<Draft> {
  device ??= await open('cpu', { threads: 1 })
  const draft = await definitionOf(recipeByName(name, without)).draft(device, { batch: 1 })
  t.teardown(() => draft.close())
  return draft
}

let device: Device | undefined
t.teardown(() => device?.close())

/** The recipes for ImageNet. */
const names = recipes.filter(({ photos }) => photos).map(({ name }) => name)
const towers = ['paper', 'chm-145', 'caffe']

t.test('the net: what comes out of each layer', async (t) => {
  const figures = {
    conv1: [96, 55, 55],
    pool1: [96, 27, 27],
    conv2: [256, 27, 27],
    pool2: [256, 13, 13],
    conv3: [384, 13, 13],
    conv4: [384, 13, 13],
    conv5: [256, 13, 13],
    pool5: [256, 6, 6],
    fc6: [4096],
    fc7: [4096],
    fc8: [1000]
  }
  for (const name of towers) {
    const { layers, parameters } = await drafted(t, name)
    const outputs = new Map(layers.map((layer) => [layer.name, layer.output]))
    for (const [layer, output] of Object.entries(figures)) {
      t.same(outputs.get(layer), output, `${name} ${layer}`)
    }
    t.equal(parameters.count, 60_965_224, `${name}: parameters`)
    const macs = layers.reduce((sum, layer) => sum + layer.macs, 0)
    t.ok(Math.abs(macs / 1e6 - 724.5) < 0.1, `${name}: ${macs} multiply-adds`)
    // Forward, and twice as much backward but for the gradient of the images.
    const step = 2 * (3 * macs - (layers.find((layer) => layer.name === 'conv1')?.macs ?? 0))
    t.equal((step / 1e9).toFixed(3), '4.136', `${name}: GFLOP of a training step`)
  }
  for (const name of ['convnet2-1gpu', 'torchvision']) {
    const { layers } = await drafted(t, name)
    const filters = layers.flatMap(({ kind, output }) => (kind === 'conv2d' ? [output[0]] : []))
    t.same(filters, [64, 192, 384, 256, 256], name)
  }
})

t.test('the input', (t) => {
  const sizes = names.map((name) => {
    const { channels, height, width } = definitionOf(recipeByName(name)).input
    return [name, channels, height, width]
  })
  t.same(sizes, [
    ['paper', 3, 227, 227],
    // With the border that makes 55 of them: equal to 227.
    ['chm-145', 3, 224, 224],
    ['convnet2-1gpu', 3, 224, 224],
    ['caffe', 3, 227, 227],
    ['torchvision', 3, 224, 224]
  ])
  const places = { paper: 227, 'chm-145': 224 + 3 }
  for (const [name, size] of Object.entries(places)) t.equal((size - 11) / 4 + 1, 55, name)
  t.end()
})

t.test('what sees what, and strides', async (t) => {
  for (const name of names) {
    const { calls, forwardCalls } = await drafted(t, name)
    const convolutions = calls.slice(0, forwardCalls).filter(({ op }) => op.name === 'conv2d')
    const groups = convolutions.map(({ op }) => op.fields.groups)
    t.same(groups, towers.includes(name) ? [1, 2, 1, 2, 2] : [1, 1, 1, 1, 1], name)
    t.same(convolutions[0]?.op.fields.stride, [4, 4])
    const border = {
      'chm-145': [0, 3, 0, 3],
      'convnet2-1gpu': [0, 3, 0, 3],
      torchvision: [2, 2, 2, 2]
    }
    const conv1 = convolutions[0]?.op.fields.padding
    t.same(conv1, new Map(Object.entries(border)).get(name) ?? [0, 0, 0, 0], `${name}: border`)
    const pools = calls.filter(({ op }) => op.name === 'max_pool').map(({ op }) => op.fields)
    for (const { kernel, stride } of pools)
      t.same(
        [kernel, stride],
        [
          [3, 3],
          [2, 2]
        ]
      )
    t.equal(pools.length, 3)
  }
})

t.test('norms: n 5, β .75; α as the op has it, which multiplies the sum', async (t) => {
  const figures = {
    paper: { k: 2, alpha: 1e-4, groups: 2 },
    'chm-145': { k: 2, alpha: 2e-5, groups: 2 },
    'convnet2-1gpu': { k: 2, alpha: 2e-5, groups: 1 },
    caffe: { k: 1, alpha: 2e-5, groups: 1 }
  }
  for (const name of names) {
    const { calls, forwardCalls } = await drafted(t, name)
    const forward = calls.slice(0, forwardCalls).map(({ op }) => op)
    const across = forward.filter((op) => op.name === 'lrn')
    const figure = new Map(Object.entries(figures)).get(name)
    t.equal(across.length, figure ? 2 : 0, name)
    for (const { fields } of across) {
      const { alpha, ...rest } = fields
      t.ok(Math.abs(Number(alpha) / (figure?.alpha ?? 0) - 1) < 1e-9, `${name}: α ${alpha}`)
      t.match(rest, { size: 5, beta: 0.75, k: figure?.k, groups: figure?.groups })
    }
    const within = forward.filter((op) => op.name === 'lrn_within').map((op) => op.fields)
    t.equal(within.length, name === 'chm-145' ? 1 : 0)
    // Scale .001 over 25 cells.
    for (const { alpha, size, beta } of within) t.same([alpha, size, beta], [4e-5, 5, 0.75])
  }
})

t.test('the order of stages', (t) => {
  const order = (name: string) =>
    definitionOf(recipeByName(name))
      .layers.map(({ node }) => node.kind)
      .slice(0, 9)
      .join(' ')
  const first = 'conv2d relu lrn max_pool'
  t.equal(order('paper'), `${first} ${first} conv2d`)
  t.equal(order('caffe'), order('paper'))
  t.equal(order('chm-145'), 'conv2d lrn max_pool relu conv2d relu lrn lrn_within max_pool')
  t.equal(order('convnet2-1gpu'), 'conv2d lrn max_pool relu conv2d relu lrn max_pool conv2d')
  t.equal(order('torchvision'), 'conv2d relu max_pool conv2d relu max_pool conv2d relu conv2d')
  t.end()
})

t.test('how nets begin', async (t) => {
  const layers = ['conv1', 'conv2', 'conv3', 'conv4', 'conv5', 'fc6', 'fc7', 'fc8']
  const figures = {
    paper: {
      sigma: [0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01],
      bias: [0, 1, 0, 1, 1, 1, 1, 0]
    },
    'chm-145': {
      sigma: [0.01, 0.01, 0.03, 0.03, 0.03, 0.01, 0.01, 0.01],
      bias: [0, 1, 0, 1, 1, 1, 1, 0]
    },
    'convnet2-1gpu': {
      sigma: [0.01, 0.01, 0.03, 0.03, 0.03, 0.01, 0.01, 0.01],
      bias: [0, 1, 0, 1, 1, 1, 1, -7]
    },
    caffe: {
      sigma: [0.01, 0.01, 0.01, 0.01, 0.01, 0.005, 0.005, 0.01],
      bias: [0, 0.1, 0, 0.1, 0.1, 0.1, 0.1, 0]
    }
  }
  for (const [name, { sigma, bias }] of Object.entries(figures)) {
    const { parameters } = await drafted(t, name)
    const fills = new Map(parameters.all.map((parameter) => [parameter.name, parameter.fill]))
    for (const [i, layer] of layers.entries()) {
      t.same(fills.get(`${layer}.weight`), { normal: { std: sigma[i] } }, `${name} ${layer}`)
      t.same(fills.get(`${layer}.bias`), { constant: bias[i] }, `${name} ${layer}`)
    }
  }
  const { parameters } = await drafted(t, 'torchvision')
  const bound = 1 / Math.sqrt(3 * 11 * 11)
  for (const { fill } of parameters.all.slice(0, 2)) {
    t.same(fill, { uniform: { low: -bound, high: bound } }, "PyTorch's")
  }
})

t.test('dropout: .5 after fc6 and fc7; where it scales', async (t) => {
  for (const name of names) {
    const atTest = ['paper', 'chm-145', 'convnet2-1gpu'].includes(name)
    const { calls } = await drafted(t, name)
    const drops = calls.filter(({ op }) => op.name === 'dropout').map(({ op }) => op.fields)
    t.same(
      drops.map(({ rate, scale }) => [rate, scale]),
      [
        [0.5, atTest ? 1 : 2],
        [0.5, atTest ? 1 : 2]
      ],
      name
    )
    if (!device) throw new Error('no device')
    const test = await definitionOf(recipeByName(name)).draft(device, { batch: 1, training: false })
    const scaled = test.calls.filter(({ op }) => op.name === 'scale')
    t.same(
      scaled.map(({ op }) => op.fields.factor),
      atTest ? [0.5, 0.5] : []
    )
    await test.close()
  }
})

t.test('batch, momentum, decay, epochs', (t) => {
  const figures = names.map((name) => {
    const { batch, update, decay, epochs } = recipeByName(name)
    const momentum = 'momentum' in update && update.momentum
    return [name, batch, momentum, update.form, decay.weight, decay.bias, epochs]
  })
  t.same(figures, [
    ['paper', 128, 0.9, 'paper', 5e-4, 5e-4, 90],
    ['chm-145', 128, 0.9, 'paper', 5e-4, 0, 91],
    ['convnet2-1gpu', 128, 0.9, 'paper', 5e-4, 0, 90],
    ['caffe', 256, 0.9, 'paper', 5e-4, 0, 90],
    ['torchvision', 8 * 32, 0.9, 'pytorch', 1e-4, 1e-4, 90]
  ])
  t.end()
})

/** What a parameter's rate is at an epoch. */
function rate(name: string, parameter: string, epoch: number): number {
  const [layer = '', kind = ''] = parameter.split('.')
  return rateAt(courseOf(recipeByName(name), layer, kind), epoch)
}

t.test('rates at epochs', (t) => {
  const figures: readonly (readonly [string, string, number, number])[] = [
    ['paper', 'conv1.weight', 0, 0.01],
    ['paper', 'fc8.bias', 0, 0.01],
    ['chm-145', 'fc6.weight', 0, 0.01],
    ['chm-145', 'fc6.weight', 24.99, 0.01],
    ['chm-145', 'fc6.weight', 25, 1e-3],
    ['chm-145', 'fc6.weight', 51, 1e-4],
    ['chm-145', 'fc6.weight', 78.9, 1e-4],
    ['chm-145', 'fc6.weight', 79, 1e-5],
    ['chm-145', 'fc6.bias', 0, 0.02],
    ['chm-145', 'fc6.bias', 90, 0.02],
    ['chm-145', 'conv1.weight', 66.9, 1e-4],
    ['chm-145', 'conv1.weight', 67, 1e-5],
    ['chm-145', 'conv1.weight', 72, 0],
    ['chm-145', 'conv1.bias', 71.9, 0.02],
    ['chm-145', 'conv1.bias', 72, 0],
    ['convnet2-1gpu', 'conv1.weight', 22.4, 0.01],
    ['convnet2-1gpu', 'conv1.weight', 22.5, 0.01 / 250 ** (1 / 3)],
    ['convnet2-1gpu', 'conv1.weight', 45, 0.01 / 250 ** (2 / 3)],
    ['convnet2-1gpu', 'conv1.weight', 67.5, 0.01 / 250],
    ['convnet2-1gpu', 'conv1.weight', 89, 0.01 / 250],
    ['convnet2-1gpu', 'fc8.bias', 44.9, 0.02],
    ['convnet2-1gpu', 'fc8.bias', 45, 0.002],
    ['caffe', 'conv1.weight', 0, 0.01],
    ...[20, 40, 60, 80].map((at, i) => ['caffe', 'conv1.weight', at, 10 ** (-3 - i)] as const),
    ...[0, 20, 40, 60, 80].map((at, i) => ['caffe', 'fc6.bias', at, 2 * 10 ** (-2 - i)] as const),
    ['torchvision', 'conv1.weight', 29.9, 0.01],
    ['torchvision', 'conv1.bias', 30, 1e-3],
    ['torchvision', 'fc8.weight', 60, 1e-4],
    ['torchvision', 'fc8.weight', 89, 1e-4]
  ]
  for (const [name, parameter, epoch, expected] of figures) {
    const got = rate(name, parameter, epoch)
    const close = Math.abs(got - expected) <= 1e-9 * expected
    t.ok(close, `${name} ${parameter} at ${epoch}: ${expected}, got ${got}`)
  }
  t.same(recipeByName('paper').rates.weight.plateau, { factor: 0.1, drops: 3 })
  // 100,000 steps of 256 images are 20 epochs of 1,281,167, to a thousandth.
  t.ok(Math.abs((1e5 * 256) / 1_281_167 / 20 - 1) < 1e-3)
  t.end()
})

t.test('courses: the same as factors, over a run of any length', (t) => {
  for (const name of names) {
    const recipe = recipeByName(name)
    const courses = recipeCourses(recipe)
    for (const steps of [recipe.epochs * 100, 1000]) {
      for (const [layer, kind] of [
        ['conv1', 'weight'],
        ['conv1', 'bias'],
        ['fc7', 'weight'],
        ['fc7', 'bias']
      ] as const) {
        const { rate: factor, decay } = courses({ layer, kind })
        for (const epoch of [0, 10, 26, 52, 73, 85]) {
          const step = Math.ceil((epoch * steps) / recipe.epochs)
          const got = recipe.rates.weight.rate * (factor?.({ step, steps, epoch: 0 }) ?? 1)
          const expected = rate(name, `${layer}.${kind}`, epoch)
          t.ok(Math.abs(got - expected) < 1e-12, `${name} ${layer}.${kind} at ${epoch}: ${got}`)
        }
        const share = decay?.({ step: 0, steps, epoch: 0 }) ?? 1
        const { weight, bias } = recipe.decay
        t.ok(Math.abs(weight * share - (kind === 'bias' ? bias : weight)) < 1e-12)
      }
    }
    t.equal(courses({ layer: 'fc6', kind: 'weight' }), courses({ layer: 'fc7', kind: 'weight' }))
    const still = recipeCourses(recipe, false)({ layer: 'conv1', kind: 'bias' })
    const start = recipe.rates.bias.rate / recipe.rates.weight.rate
    t.equal(still.rate?.({ step: 999, steps: 1000, epoch: 0 }), start, 'another schedule')
  }
  t.end()
})

t.test('the update rule', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  await using stream = device.stream()
  const figures = {
    paper: true,
    'chm-145': true,
    'convnet2-1gpu': true,
    caffe: true,
    torchvision: false
  }
  const [lr, m, w, v, g] = [0.01, 0.9, 0.5, -0.25, 2]
  for (const [name, inside] of Object.entries(figures)) {
    const { op: kind, fields, hyper } = recipeOptimizer(recipeByName(name))
    const decay = recipeByName(name).decay.weight
    using buffer = device.allocate(256)
    const place = (slot: number, count = 1) =>
      buffer.tensor({ shape: [count], dtype: 'f32', offset: slot * 64 })
    const tensors = { w: place(0), v: place(1), g: place(2), hyper: place(3, 4) }
    const op = await stream.prepare(kind, fields, tensors)
    for (const [slot, value] of Object.entries({ w, v, g })) {
      stream.write(place(['w', 'v', 'g'].indexOf(slot)), Float32Array.of(value))
    }
    stream.write(tensors.hyper, Float32Array.from(hyper({ lr, decay, step: 0 })))
    stream.run(op, tensors)
    const [got = Number.NaN] = await stream.read(tensors.w)
    const velocity = inside ? m * v - decay * lr * w - lr * g : m * v + g + decay * w
    const expected = inside ? w + velocity : w - lr * velocity
    t.ok(Math.abs(got - expected) < 1e-6, `${name}: ${got}, expected ${expected}`)
    op.close()
  }
})

t.test('images on their way', (t) => {
  const inputs = names.map((name) => recipeByName(name).input)
  t.same(inputs, [
    { fit: 'crop', flip: true, mean: 'pixel', colour: { form: 'eigenvalue', sigma: 0.1 } },
    {
      fit: 'crop',
      flip: true,
      offsets: 33,
      shared: 32,
      mean: 'centre',
      colour: { form: 'deviation', sigma: 0.1, divide: 1.1, until: 67 }
    },
    {
      fit: 'crop',
      flip: true,
      offsets: 33,
      mean: 'centre',
      colour: { form: 'deviation', sigma: 0.1, divide: 1.1 }
    },
    { fit: 'crop', flip: true, offsets: 30, mean: 'pixel' },
    { fit: 'crop', flip: true, mean: 'channel', divide: 'std' }
  ])
  const photos = names.map((name) => recipeByName(name).photos)
  for (const one of photos) t.equal(one?.size, 256)
  t.same(
    photos.map((one) => `${one?.form} ${one?.channels}`),
    ['crop RGB', 'crop RGB', 'crop RGB', 'warp BGR', 'crop RGB']
  )
  t.same(
    names.map((name) => recipeByName(name).test.views),
    [10, 10, 10, 10, 1]
  )
  t.end()
})

t.test("the colours of ImageNet's pixels", (t) => {
  const { eigenvalues, eigenvectors } = imageNetColours
  const deviations = [121.7801, 37.0939, 19.7208]
  for (const [i, deviation] of deviations.entries()) {
    t.ok(Math.abs(Math.sqrt(eigenvalues[i] ?? 0) - deviation) < 1e-9)
  }
  const columns = {
    R: [0.41796, -0.71258, -0.56351],
    G: [-0.81698, -0.02354, -0.57618],
    B: [0.39731, 0.7012, -0.592]
  }
  for (const [channel, row] of Object.values(columns).entries()) {
    t.same(
      [2, 1, 0].map((i) => eigenvectors[i]?.[channel]),
      row
    )
  }
  for (const a of eigenvectors) {
    for (const b of eigenvectors) {
      const product = a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0)
      t.ok(Math.abs(product - (a === b ? 1 : 0)) < 1e-4, 'orthonormal')
    }
  }
  t.end()
})

/** On what, views, top-1 and top-5 in per cent. */
function errors(name: string, ...without: readonly string[]): string[] {
  const percent = (error: number) => (100 * error).toFixed(2)
  return recipeByName(name, without).expected.map(
    ({ on, views, top1, top5 }) => `${on} ${views}: ${percent(top1)}/${percent(top5)}`
  )
}

t.test('expected errors', (t) => {
  const [test, val] = ['ILSVRC-2010 test', 'ILSVRC-2012 validation']
  t.same(errors('chm-145'), [
    `${test} 10: 37.47/17.00`,
    `${test} 1: 39.02/18.30`,
    `${val} 10: 40.66/18.21`
  ])
  // The run's own figures are the printed ones, to every digit that is printed.
  t.same(errors('paper'), [
    `${test} 10: 37.50/17.00`,
    `${test} 1: 39.00/18.30`,
    `${val} 10: 40.70/18.20`
  ])
  const [chm, printed] = ['chm-145', 'paper'].map((name) => recipeByName(name).expected)
  for (const [i, { top1, top5 }] of (chm ?? []).entries()) {
    t.equal((100 * top1).toFixed(1), (100 * (printed?.[i]?.top1 ?? 0)).toFixed(1))
    t.equal((100 * top5).toFixed(1), (100 * (printed?.[i]?.top5 ?? 0)).toFixed(1))
  }
  for (const name of ['paper', 'chm-145']) {
    t.same(errors(name, 'no-lrn'), [`${val} 10: 42.03/19.36`])
    t.same(errors(name, 'pool-2x2'), [`${val} 10: 41.06/18.51`])
    t.same(errors(name, 'no-links'), [`${val} 10: 41.83/19.33`])
    t.same(errors(name, 'one-column'), [`${test} 10: 39.17/18.23`])
    t.same(errors(name, 'tanh'), [])
    t.same(errors(name, 'no-lrn', 'pool-2x2'), [], 'nobody has done both')
  }
  t.same(errors('convnet2-1gpu'), [`${val} 1: 42.55/19.81`, `${val} 10: 40.42/18.15`])
  t.same(errors('caffe'), [`${val} 1: 42.90/19.80`])
  t.same(errors('torchvision'), [`${val} 1: 43.48/20.93`])
  for (const name of names) {
    for (const { source } of recipeByName(name).expected) t.ok(source.length > 5)
  }
  t.end()
})

t.test("the paper's other claims", (t) => {
  t.match(ablations['pool-2x2'].claim, /\.4 and \.3 points/)
  t.match(ablations['no-lrn'].claim, /1\.4 and 1\.2/)
  t.match(ablations['one-column'].claim, /1\.7 and 1\.2/)
  t.match(ablations['no-colour'].claim, /over 1 point/)
  t.match(ablations.tanh.claim, /25 % training error on CIFAR-10 about six times/)
  t.match(ablations['no-dropout'].claim, /overfits badly.*twice/)
  t.end()
})

t.test('speeds', (t) => {
  const speeds = (name: string) => recipeByName(name).speeds ?? []
  const [then] = speeds('paper')
  const [slow = 0, fast = 0] = then?.imagesPerSecond ?? []
  t.same([128 / slow, 128 / fast, then?.batch], [0.61, 0.51, 128])
  // 90 epochs of 1.2 million images, at the paper's speed.
  const days = [fast, slow].map((speed) => (90 * 1.2e6) / speed / 86_400)
  t.ok((days[0] ?? 0) > 4.9 && (days[1] ?? 9) < 6.1, days.join(' to '))
  t.same(speeds('caffe')[0]?.imagesPerSecond, [193, 193])
  t.same(
    speeds('convnet2-1gpu').map(({ batch, imagesPerSecond: [speed] }) => [batch, speed]),
    [
      [512, 2987],
      [512, 5148]
    ]
  )
  t.end()
})

t.test('ablations', async (t) => {
  const counts: Record<string, number> = {}
  for (const name of ['no-lrn', 'pool-2x2', 'no-links', 'one-column', 'tanh', 'no-dropout']) {
    const { parameters, calls } = await drafted(t, 'chm-145', [name])
    counts[name] = parameters.count
    const ops = calls.map(({ op }) => op.name)
    t.equal(ops.includes('lrn'), name !== 'no-lrn', name)
    t.equal(ops.includes('lrn_within'), name !== 'no-lrn', name)
    t.equal(ops.includes('dropout'), name !== 'no-dropout', name)
    t.equal(ops.includes('tanh'), name === 'tanh')
    const relu = calls.some(({ op }) => op.name === 'relu' || op.fields.relu === true)
    t.equal(relu, name !== 'tanh', name)
  }
  const { 'no-links': apart = 0, 'one-column': one = 0, 'pool-2x2': small, ...same } = counts
  for (const [name, count] of Object.entries(same)) t.equal(count, 60_965_224, name)
  // Widened so that there are about as many.
  t.ok(Math.abs(apart / 60_965_224 - 1) < 0.03, `no-links ${apart}`)
  t.ok(Math.abs(one / 60_965_224 - 1) < 0.03, `one-column ${one}`)
  t.equal(small, 60_965_224 + 4096 * 256 * (49 - 36), 'maps of 7×7')
  const half = await drafted(t, 'paper', ['one-column'])
  const filters = half.layers.flatMap(({ kind, output }) => (kind === 'conv2d' ? [output[0]] : []))
  t.same(filters, [48, 128, 192, 192, 256])
  t.notOk(recipeByName('chm-145', ['no-colour']).input.colour)
  t.same(recipeByName('chm-145', ['no-colour', 'tanh', 'tanh']).without, ['no-colour', 'tanh'])
  t.end()
})

t.test('as text', (t) => {
  const chm = recipeByName('chm-145', ['tanh'])
  const rows = new Map(rowsOf(chm).map(({ name, value }) => [name, value]))
  t.match(rows.get('ablation tanh'), /tanh instead of ReLU\nthe paper on ReLU: 25 %/)
  t.match(
    rows.get('conv1'),
    /^96 of 11×11 stride 4 .* σ 0.01, bias 0 → LRN .* → max 3×3 stride 2 → tanh$/
  )
  t.match(
    rows.get('rate conv1'),
    /^ε = 0.01, 0.001 from epoch 25, .* 0 from epoch 72; biases 0.02, 0 /
  )
  t.equal(rows.get('expected'), 'not known')
  t.same(differences(chm, chm), [])
  const [caffe, paper] = [recipeByName('caffe'), recipeByName('paper')]
  const differing = differences(paper, caffe).map(({ name }) => name)
  t.ok(differing.includes('batch') && differing.includes('fc6') && !differing.includes('length'))
  t.end()
})

t.test('recipes that cannot be', (t) => {
  t.throws(() => recipeByName('vgg'), /there is no recipe 'vgg': expected one of paper, chm-145/)
  t.throws(() => recipeByName('paper', ['no-bias']), /expected one of no-lrn, .*got 'no-bias'/)
  t.throws(
    () => recipeByName('caffe', ['no-links']),
    /no-links: caffe is no net of two towers: leave it out/
  )
  t.throws(() => recipeByName('caffe', ['no-colour']), /caffe has no noise on colours/)
  t.throws(() => recipeByName('torchvision', ['no-lrn']), /torchvision has no norm layers/)
  t.throws(() => recipeByName('paper', ['one-column', 'no-links']), /one column has no links/)
  t.equal(ablationNames.length, 7)
  t.throws(() => netByName('paper'), /there is no net 'paper'/)
  t.end()
})
