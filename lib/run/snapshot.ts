import type { PublicTensor } from '../net/graph/public-tensors.ts'
import type { Snapshot } from '../training/loop/train-state.ts'
import { checkArguments } from '../util/check/check.ts'
import { map, plain, record, text } from '../util/check/rules.ts'
import { DamagedFileError } from '../util/files/errors.ts'
import type { TensorData, Tensors } from '../util/files/safetensors.ts'
import type { Checkpoint, CheckpointData } from './checkpoint.ts'
import { readTrainState } from './read-state.ts'

const snapshotRule = record<Snapshot>({ state: plain, weights: map, optimizer: map })
const checkpointRule = record<Pick<Checkpoint, 'folder' | 'weights' | 'optimizer' | 'state'>>(
  { folder: text, weights: plain, optimizer: plain, state: plain },
  { open: true }
)

/**
 * Converts a snapshot to a checkpoint, without copying tensors. Weights keep their names; the optimizer's tensors are
 * named `slot/parameter`, such as `v/conv1.weight`.
 *
 * @param snapshot from `train`'s `checkpoint.save`
 * @param more what else to keep in the state: a plain object that JSON can hold
 *
 * @example
 * ```ts
 * const checkpoint = {
 *   every: 100,
 *   save: async (snapshot: Snapshot) => {
 *     await run.save(toCheckpoint(snapshot, { net: 'fashion' }))
 *   }
 * }
 * for await (const step of train(net, data, { lr: 0.01, checkpoint })) await run.log(step)
 * ```
 */
export function toCheckpoint(snapshot: Snapshot, more: object = {}): CheckpointData {
  checkArguments('checkpoint', { snapshot: [snapshot, snapshotRule], more: [more, plain] })
  const { state, weights, optimizer } = snapshot
  const slots = [...optimizer].flatMap(([slot, tensors]) =>
    [...tensors].map(([name, tensor]): [string, PublicTensor] => [`${slot}/${name}`, tensor])
  )
  return {
    step: state.step,
    weights: toTensors(weights),
    optimizer: toTensors(slots),
    state: { ...more, train: state }
  }
}

/**
 * Converts a checkpoint to a snapshot for `train`'s option `from`, without copying tensors.
 *
 * @throws DamagedFileError when the checkpoint was not made by {@link toCheckpoint}
 *
 * @example
 * const checkpoint = await newestCheckpoint('out')
 * const from = checkpoint && toSnapshot(checkpoint)
 * for await (const step of train(net, data.train, { lr: 0.01, from })) console.log(step.loss)
 */
export function toSnapshot(checkpoint: Checkpoint): Snapshot {
  checkArguments('checkpoint', { checkpoint: [checkpoint, checkpointRule] })
  const { folder, weights, optimizer } = checkpoint
  const slots = new Map<string, Map<string, PublicTensor>>()
  for (const [path, tensor] of toMap(folder, optimizer)) {
    const cut = path.indexOf('/')
    if (cut < 0) wrong(folder, 'optimizer tensors named slot/parameter', path)
    const slot = slots.get(path.slice(0, cut)) ?? new Map<string, PublicTensor>()
    slots.set(path.slice(0, cut), slot.set(path.slice(cut + 1), tensor))
  }
  const { step, state } = checkpoint
  const train = readTrainState(state.train, step, (expected, got) => wrong(folder, expected, got))
  return { state: train, weights: toMap(folder, weights), optimizer: slots }
}

/** Converts tensors for a safetensors file, without copying them. */
export function toTensors(tensors: Iterable<readonly [string, PublicTensor]>): Tensors {
  return Object.fromEntries(
    Array.from(tensors, ([name, { shape, data }]): [string, TensorData] => {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      return [name, { dtype: 'f32', shape, data: bytes }]
    })
  )
}

/**
 * Converts tensors of a safetensors file, without copying them.
 *
 * @param folder for the error
 * @throws DamagedFileError for a tensor that is not f32
 */
export function toMap(folder: string, tensors: Tensors): Map<string, PublicTensor> {
  return new Map(
    Object.entries(tensors).map(([name, { dtype, shape, data }]) => {
      if (dtype !== 'f32') wrong(folder, `${name} in f32`, dtype)
      const floats = new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4)
      return [name, { shape, data: floats }]
    })
  )
}

function wrong(folder: string, expected: string, got: string): never {
  throw new DamagedFileError(
    `[checkpoint] ${folder}: expected ${expected}, got ${got}; use one that this training wrote`
  )
}
