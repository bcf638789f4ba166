import t from 'tap'
import { shapes } from '../lib/data/shapes/shapes.ts'
import { open } from '../lib/engine/device.ts'
import { defineNet } from '../lib/net/definition.ts'
import { dense } from '../lib/net/layers/dense.ts'
import { flatten } from '../lib/net/layers/flatten.ts'
import { type Checkpoint, readCheckpoint, writeCheckpoint } from '../lib/run/checkpoint.ts'
import { toCheckpoint, toSnapshot } from '../lib/run/snapshot.ts'
import { type Snapshot, type TrainOptions, train } from '../lib/training/train.ts'

const backing = Float32Array.of(9, 1, -2, 3e-39, Number.NaN, 9)
const bias = { shape: [2, 2], data: backing.subarray(1, 5) }
const scalar = { shape: [], data: Float32Array.of(7) }
const snapshot: Snapshot = {
  state: { step: 30, epoch: 1, position: 256, seed: 5 },
  weights: new Map([
    ['conv1.bias', bias],
    ['block/conv2.weight', scalar]
  ]),
  optimizer: new Map([
    ['m', new Map([['block/conv2.weight', scalar]])],
    ['v', new Map([['conv1.bias', bias]])]
  ])
}

t.test('the loss scale goes with it, and is looked at', async (t) => {
  const lossScale = { scale: 512, good: 3, skipped: 2, unheeded: ['overflow', 'skipped'] } as const
  const state = { ...snapshot.state, lossScale }
  const folder = await writeCheckpoint(t.testdir(), toCheckpoint({ ...snapshot, state }))
  const checkpoint = await readCheckpoint(folder)
  t.strictSame(toSnapshot(checkpoint).state, state)
  for (const wrong of [
    { scale: 0 },
    { good: -1 },
    { skipped: '2' },
    { unheeded: ['fine'] },
    { unheeded: ['good', 'good', 'good'] }
  ]) {
    const train = { ...snapshot.state, lossScale: { ...lossScale, ...wrong } }
    const spoilt: Checkpoint = JSON.parse(JSON.stringify({ ...checkpoint, state: { train } }))
    t.throws(() => toSnapshot(spoilt), /expected scale, good, skipped and unheeded/)
  }
})

t.test('so do validations', async (t) => {
  const validation = {
    step: 24,
    waited: 2,
    best: { step: 8, error: 0.25, loss: 0.1 + 0.2 },
    plateau: { factor: 0.1, best: 0.25, waited: 1 }
  }
  const state = { ...snapshot.state, validation }
  const folder = await writeCheckpoint(t.testdir(), toCheckpoint({ ...snapshot, state }))
  const checkpoint = await readCheckpoint(folder)
  t.strictSame(toSnapshot(checkpoint).state, state)
  const unseen = { ...state, validation: { ...validation, plateau: { factor: 1, waited: 0 } } }
  const young: Checkpoint = JSON.parse(JSON.stringify({ ...checkpoint, state: { train: unseen } }))
  t.strictSame(toSnapshot(young).state, unseen)
  for (const wrong of [
    { step: -1 },
    { step: 31 },
    { best: { ...validation.best, step: 25 } },
    { best: {} },
    { waited: 0.5 },
    { plateau: { factor: 'x' } }
  ]) {
    const train = { ...state, validation: { ...validation, ...wrong } }
    const spoilt: Checkpoint = JSON.parse(JSON.stringify({ ...checkpoint, state: { train } }))
    t.throws(
      () => toSnapshot(spoilt),
      /expected ((step|factor), best and waited in its|a validation by step 30)/
    )
  }
})

t.test('a snapshot goes to the disk and back', async (t) => {
  const folder = await writeCheckpoint(t.testdir(), toCheckpoint(snapshot, { net: 'fashion' }))
  const checkpoint = await readCheckpoint(folder)
  t.strictSame(checkpoint.state, { net: 'fashion', train: snapshot.state })
  t.strictSame(Object.keys(checkpoint.optimizer).sort(), ['m/block/conv2.weight', 'v/conv1.bias'])
  t.strictSame(toSnapshot(checkpoint), snapshot)
  t.strictSame(toCheckpoint(snapshot).state, { train: snapshot.state })
})

t.test('a checkpoint of something else', async (t) => {
  const good: Checkpoint = { ...toCheckpoint(snapshot), folder: '/x', alexnode: '1', state: {} }
  const half = { dtype: 'f16', shape: [1], data: new Uint8Array(2) } as const
  const full = { dtype: 'f32', shape: [1], data: new Uint8Array(4) } as const
  const state = { train: { step: 30, epoch: 1, position: 256, seed: 5 } }
  const scaling = { scale: 1024, good: 2, skipped: 1, unheeded: [] }
  const cases: readonly (readonly [Checkpoint, RegExp])[] = [
    [good, /expected step, epoch, position and seed in its state, .*, got nothing; use one that/],
    [{ ...good, state: { train: 3 } }, /position and seed in its state, .*, got 3/],
    [
      { ...good, state: { train: { ...state.train, seed: 'x' } } },
      /position and seed in its state/
    ],
    ...[
      { epoch: -1 },
      { position: -1 },
      { position: 0.5 },
      { seed: -1 },
      { step: -30 },
      { step: undefined }
    ].map((wrong): [Checkpoint, RegExp] => {
      const { step: _, ...none } = state.train
      const train =
        'step' in wrong && wrong.step === undefined ? none : { ...state.train, ...wrong }
      return [
        { ...good, state: { train } },
        /position and seed in its state, whole numbers from 0, got \{/
      ]
    }),
    ...(
      [
        [{ rates: [{ step: 2, old: 1, lr: 1e300 }] }, /step, old and lr in each of its rates/],
        [{ rates: [{ step: 31, old: 1, lr: 1 }] }, /at most 30, .* as rates, the last step/],
        [
          { lossScale: { ...scaling, scale: 1e300 } },
          /as lossScale.scale in its state, got 1e\+300/
        ],
        [{ lossScale: { ...scaling, skipped: 31 } }, /at most 30, .* as lossScale.skipped/],
        [{ validation: { step: 9, waited: 31 } }, /at most 30, .* as validation.waited/],
        [{ validation: { step: 9, waited: 0, best: { step: 9, error: 2, loss: 1 } } }, /error/],
        [{ validation: { step: 9, waited: 0, plateau: { factor: 1e9, waited: 0 } } }, /factor/],
        [{ steps: 29 }, /at least 30, .* as steps in its state, got 29/],
        [{ images: 0 }, /from 1 as images/]
      ] as const
    ).map(([wrong, message]): [Checkpoint, RegExp] => {
      const train = JSON.parse(JSON.stringify({ ...state.train, ...wrong }))
      return [{ ...good, state: { train } }, message]
    }),
    [
      { ...good, state: { train: { ...state.train, steps: -1 } } },
      /expected a whole number of steps in all, got -1/
    ],
    ...[0, -1].map((step): [Checkpoint, RegExp] => {
      const rates = [{ step, old: 1, lr: 1 }]
      return [
        { ...good, state: { train: { ...state.train, rates } } },
        /expected (step, old|rates in)/
      ]
    }),
    [{ ...good, state, step: 31 }, /expected step 31 in its state, got 30/],
    [{ ...good, state, weights: { a: half } }, /expected a in f32, got f16/],
    [{ ...good, state, optimizer: { a: full } }, /tensors named slot\/parameter, got a/]
  ]
  for (const [checkpoint, message] of cases) {
    t.throws(() => toSnapshot(checkpoint), { message })
    t.throws(() => toSnapshot(checkpoint), { message: /^\[checkpoint\] \/x: expected / })
  }
  t.throws(() => toSnapshot(good), { name: 'DamagedFileError' })
})

t.test('a place that no run reaches', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  const { train: set } = shapes({ size: 16, train: 32, test: 1 })
  const input = { channels: 1, height: 16, width: 16 }
  const layers = [flatten(), dense({ units: 10 })]
  await using net = await defineNet({ name: 'one', input, layers }).build(device, { batch: 8 })
  const snapshots: Snapshot[] = []
  const run = async (options: Partial<TrainOptions>) => {
    const checkpoint = { save: (snapshot: Snapshot) => void snapshots.push(snapshot) }
    for await (const _ of train(net, set, { lr: 0.01, checkpoint, ...options }));
    return snapshots.at(-1)
  }
  const good = await run({ steps: 6 })
  if (!good) return t.fail('expected a snapshot')
  t.match(good.state, { step: 6, epoch: 1, position: 16, images: 32 })
  for (const [wrong, message] of [
    [{ position: 32 }, /from\.state\.position: expected one below 32, .*got 32/],
    [{ position: 2 ** 50 }, /expected one below 32/],
    [{ epoch: 6 }, /expected a place that 6 steps can reach, got epoch 6, position 16/],
    [{ epoch: 2 ** 52 }, /expected a place that 6 steps can reach/],
    [{ epoch: 1e300 }, /from\.state\.epoch: expected a whole number from 0, got 1e\+300/],
    [{ rates: [{ step: 2, old: 1, lr: 1e300 }] }, /rates\[0\]\.lr: expected .* Infinity in f32/],
    [{ rates: [{}] }, /rates\[0\]\.step: expected a whole number from 1, got none/]
  ] as const) {
    const from = { ...good, state: { ...good.state, ...wrong } } as Snapshot
    await t.rejects(run({ steps: 8, from }), { name: 'RangeError', message })
  }
  // One step takes the images of two epochs.
  const options = { sampling: { form: 'permutation', across: true }, accumulate: 8 } as const
  const across = await run({ ...options, steps: 3 })
  if (!across) return t.fail('expected a snapshot')
  t.match(across.state, { step: 3, epoch: 6, position: 0 })
  const made = toCheckpoint(across)
  const state = JSON.parse(JSON.stringify(made.state))
  const from = toSnapshot({ ...made, state, folder: '/x', alexnode: '1' })
  const last = await run({ ...options, steps: 4, from })
  t.match(last?.state, { step: 4, epoch: 8 })
})
