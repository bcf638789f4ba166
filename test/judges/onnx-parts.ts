/** What the judge of ONNX needs: photographs, and weights that are not as they began. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { ImageSet } from '../../lib/data/dataset.ts'
import type { Net } from '../../lib/net/net.ts'
import type { InputShape } from '../../lib/net/spec.ts'
import { photoFiles } from '../../lib/use/photo-files.ts'
import type { Preprocessing } from '../../lib/weights/onnx/preprocessing.ts'
import { NoJudgeError } from './environments.ts'

/** Photographs as a run stores them, somewhat larger than a net's input. */
export interface Pictures {
  readonly height: number
  readonly width: number
  readonly channels: number
  readonly set: ImageSet
  /** What a net reads: numbers [N, C, H, W], and the bytes [N, H, W, C] that they are made of. */
  cropped(
    preprocessing: Preprocessing,
    input: InputShape
  ): Promise<{ readonly plain: Float32Array; readonly bytes: Uint8Array }>
}

/**
 * The first photographs of ALEXNODE_DATA's imagenet-samples.tar.
 * @throws NoJudgeError where there are none
 */
export async function photographs(input: InputShape, count: number): Promise<Pictures> {
  const archive = join(process.env.ALEXNODE_DATA ?? '', 'imagenet-samples.tar')
  if (!existsSync(archive)) {
    throw new NoJudgeError('onnx: ALEXNODE_DATA names no folder with imagenet-samples.tar')
  }
  const folder = await mkdtemp(join(tmpdir(), 'alexnode-samples-'))
  try {
    const run = promisify(execFile)
    const { stdout } = await run('tar', ['-tf', archive])
    const names = stdout.split('\n').filter((name) => name.endsWith('.JPEG'))
    const some = names.slice(0, count)
    await run('tar', ['-xf', archive, '-C', folder, ...some])
    const files = some.map((name) => join(folder, name))
    const size = { height: input.height + 9, width: input.width + 6, channels: input.channels }
    const bytes = new Uint8Array(count * size.height * size.width * size.channels)
    const all = Uint32Array.from({ length: count }, (_, i) => i)
    const read = photoFiles(files, size)
    await read.read(all, bytes, new Int32Array(count))
    if (read.failures.size > 0) throw new Error([...read.failures.values()].join(', '))
    return picturesOf(bytes, count, size)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function picturesOf(bytes: Uint8Array, count: number, size: InputShape): Pictures {
  const { height, width, channels } = size
  const each = height * width * channels
  return {
    ...size,
    set: {
      length: count,
      ...size,
      classes: ['?'],
      mean: Array(channels).fill(0),
      std: Array(channels).fill(1),
      read(indices, images, labels) {
        for (const [i, index] of indices.entries()) {
          images.set(bytes.subarray(index * each, (index + 1) * each), i * each)
          labels[i] = 0
        }
      }
    },
    async cropped({ crop = { top: 0, left: 0 }, mean, divisor }, input) {
      const cut = new Uint8Array(count * input.height * input.width * channels)
      const plain = new Float32Array(cut.length)
      let at = 0
      for (let n = 0; n < count; n++) {
        for (let y = 0; y < input.height; y++) {
          for (let x = 0; x < input.width; x++) {
            const from = ((n * height + crop.top + y) * width + crop.left + x) * channels
            for (let c = 0; c < channels; c++, at++) {
              const byte = bytes[from + c] ?? 0
              cut[at] = byte
              const to = ((n * channels + c) * input.height + y) * input.width + x
              plain[to] = (byte - (mean[c] ?? 0)) / (divisor[c] ?? 1)
            }
          }
        }
      }
      return { plain, bytes: cut }
    }
  }
}

/** Gives biases and the parameters of batch norm values that none of them begin with. */
export async function shake(net: Net): Promise<void> {
  const tensors = await net.parameters.export(net.stream)
  for (const [name, { shape, data }] of tensors) {
    if (shape.length > 1) continue
    const away = name.endsWith('running_var') || name.endsWith('scale') ? 0.75 : -0.25
    for (const i of data.keys()) data[i] = away + ((i * 37) % 129) / 258
  }
  await net.parameters.import(net.stream, tensors)
}
