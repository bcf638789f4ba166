// A process that writes checkpoints until it is killed: for checkpoint.test.ts.

import { existsSync } from 'node:fs'
import {
  type CheckpointData,
  keepCheckpoints,
  newestCheckpoint,
  writeCheckpoint
} from '../lib/run/checkpoint.ts'
import { sweep } from '../lib/util/files/atomic.ts'

/** The checkpoint of a step: its bytes follow from the step alone. */
export function checkpointOf(step: number): CheckpointData {
  const numbers = Float32Array.from({ length: 40_000 }, (_, i) => i * step + 1)
  const data = new Uint8Array(numbers.buffer)
  const state = { epoch: step >> 3, position: step * 128, random: { seed: [7, step] } }
  return {
    step,
    weights: {
      'conv1.weight': { dtype: 'f32', shape: [200, 200], data },
      'conv1.bias': { dtype: 'f32', shape: [2], data: data.slice(0, 8) }
    },
    optimizer: {
      'conv1.weight': { dtype: 'f32', shape: [200, 200], data: data.slice().reverse() }
    },
    state
  }
}

const dir = process.argv[2]
if (process.send !== undefined && dir !== undefined && existsSync(dir)) {
  await sweep(dir)
  await keepCheckpoints(dir, 2)
  const start = (await newestCheckpoint(dir))?.step ?? 0
  process.send({ start })
  for (let step = start + 1; ; step += 1) {
    await writeCheckpoint(dir, checkpointOf(step))
    process.send({ step })
    await keepCheckpoints(dir, 2)
  }
}
