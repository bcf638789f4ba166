// The trainer's snapshots as checkpoints and back: f32 tensors by name, and where the run stands.

import type { PublicTensor } from '../net/graph/parameters.ts'
import type { Snapshot } from '../training/loop/train-state.ts'
import { DamagedFileError } from '../util/files/errors.ts'
import type { TensorData, Tensors } from '../util/files/safetensors.ts'
import type { Checkpoint, CheckpointData } from './checkpoint.ts'
import { readTrainState } from './saved.ts'

/**
 * A snapshot as a checkpoint. Weights keep their names; the optimizer's tensors are named
 * `slot/parameter`, as `v/conv1.weight`. No byte is copied.
 *
 * @param snapshot - from `train`'s `checkpoint.save`
 * @param more - what else to keep, as options and the net's name: a plain object for JSON
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
 * The snapshot in a checkpoint, for `train`'s `from`. No byte is copied.
 *
 * @throws DamagedFileError when it was not made by {@link toCheckpoint}
 */
export function toSnapshot(checkpoint: Checkpoint): Snapshot {
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

/** Tensors as a safetensors file takes them. No byte is copied. */
export function toTensors(tensors: Iterable<readonly [string, PublicTensor]>): Tensors {
  return Object.fromEntries(
    Array.from(tensors, ([name, { shape, data }]): [string, TensorData] => {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      return [name, { dtype: 'f32', shape, data: bytes }]
    })
  )
}

/**
 * The reverse of {@link toTensors}.
 *
 * @param folder - named in the error
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
