/** PyTorch, to compare with: whether it is there, and runs of train.py. */
import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { PublicTensor } from '../../lib/net/graph/public-tensors.ts'
import {
  readSafetensors,
  type TensorData,
  type Tensors,
  writeSafetensors
} from '../../lib/util/files/safetensors.ts'

/** The Python that has PyTorch: that of PATH, as environments with CUDA have it, or Debian's. */
export function findPython(): string | undefined {
  const probe = 'import importlib.util, sys; sys.exit(importlib.util.find_spec("torch") is None)'
  return ['python3', '/usr/bin/python3'].find(
    (python) => spawnSync(python, ['-c', probe]).status === 0
  )
}

/** The same, as it was when the program began. */
export const python = findPython()

/** Why there is nothing to compare with; undefined where PyTorch is installed. */
export const withoutPytorch = python
  ? undefined
  : 'PyTorch is not installed (Debian: apt-get install python3-torch)'

export interface TorchRun {
  readonly net: 'alexnet' | 'torchvision' | 'fashion'
  readonly weights: ReadonlyMap<string, PublicTensor>
  /** Factor on the weight decay for each parameter that is trained. */
  readonly decay: Readonly<Record<string, number>>
  /** u8 [N, H, W, C], in the order of training. */
  readonly images: TensorData
  readonly labels: Int32Array
  /** By layer, for the first batch: what a ReLU kept (0 or 1), or the places of a pool's maxima. */
  readonly branches: ReadonlyMap<string, TensorData>
  /** Height and width of the net's input; images of another size are resized. */
  readonly size: readonly [number, number]
  readonly mean: readonly number[]
  readonly std: readonly number[]
  readonly batch: number
  readonly lr: number
  readonly momentum: number
  readonly weightDecay: number
  readonly labelSmoothing: number
  readonly clipNorm?: number | undefined
  readonly threads: number
  /** Train on a GPU, where PyTorch has one. */
  readonly gpu: boolean
}

const bytes = (data: Float32Array | Int32Array) =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength)

export interface TorchResult {
  /** One a step. */
  readonly losses: readonly number[]
  /** Of the first step, along the branches that were given. */
  readonly gradients: ReadonlyMap<string, Float32Array>
  /** How far a branch ever was from PyTorch's own choice, in standard deviations of its layer. */
  readonly farthest: number
  /** Whether a GPU computed. */
  readonly gpu: boolean
}

/** Trains in PyTorch. */
export async function trainInPytorch(run: TorchRun): Promise<TorchResult> {
  // It may have been installed since.
  const python = findPython()
  if (!python) throw new Error(`[pytorch] ${withoutPytorch}`)
  const { weights, images, labels, branches, ...options } = run
  const folder = await mkdtemp(join(tmpdir(), 'alexnode-parity-'))
  try {
    const tensors: Tensors = {
      ...Object.fromEntries(
        [...weights].map(([name, { shape, data }]) => [
          name,
          { dtype: 'f32', shape, data: bytes(data) } as const
        ])
      ),
      ...Object.fromEntries([...branches].map(([layer, tensor]) => [`branch/${layer}`, tensor])),
      images,
      labels: { dtype: 'i32', shape: [labels.length], data: bytes(labels) }
    }
    const metadata = { options: JSON.stringify(options) }
    await writeSafetensors(join(folder, 'request.safetensors'), tensors, metadata)
    await promisify(execFile)(python, [join(import.meta.dirname, 'train.py'), folder], {
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' }
    })
    const answer = await readSafetensors(join(folder, 'answer.safetensors'))
    const gradients = new Map(
      Object.entries(answer.tensors).map(([name, { data }]) => [
        name,
        new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4)
      ])
    )
    const [losses = [], farthest = [], gpu = []] = ['losses', 'farthest', 'gpu'].map((name) => {
      const values = [...(gradients.get(name) ?? [])]
      gradients.delete(name)
      return values
    })
    return { losses, gradients, farthest: farthest[0] ?? Number.NaN, gpu: gpu[0] === 1 }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
