import t from 'tap'
import { type Checkpoint, readCheckpoint, writeCheckpoint } from '../lib/run/checkpoint.ts'
import { toCheckpoint, toSnapshot } from '../lib/run/snapshot.ts'
import type { Snapshot } from '../lib/training/train.ts'

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
    [
      { ...good, state: { train: { ...state.train, epoch: 30 } } },
      /expected a place that 30 steps can reach, got epoch 30, position 256/
    ],
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
