/**
 * Nets that PyTorch wrote as ONNX: what we compute with them after the import is what onnxruntime computes, and so is
 * what it computes with our export of them.
 */
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { arrayImageSet } from '../../lib/data/array-image-set.ts'
import type { Device } from '../../lib/engine/device.ts'
import { evaluate } from '../../lib/training/evaluate/evaluate.ts'
import { exportOnnx } from '../../lib/weights/onnx/export/export.ts'
import { importOnnx } from '../../lib/weights/onnx/import/import.ts'
import { findPython } from '../pytorch/run.ts'
import { type Check, farthest } from './check.ts'
import { NoJudgeError, run } from './environments.ts'
import { keptFolder } from './kept.ts'

/** An ONNX file of a net, and what onnxruntime computes with it. */
export interface OnnxAnswer {
  readonly net: string
  /** Images [N, C, H, W] whose value at [n, y, x, c], counted in this order, is (37 i mod 129 - 64) / 64. */
  readonly shape: readonly number[]
  /** Whether the net gives logits or probabilities. */
  readonly output: 'logits' | 'probabilities'
  readonly values: readonly number[]
}

const nets = [
  { net: 'alexnet', shape: [2, 3, 224, 224], output: 'logits' },
  { net: 'mixed', shape: [2, 3, 21, 19], output: 'probabilities' },
  { net: 'pooled', shape: [2, 3, 21, 19], output: 'logits' }
] as const
const whole = { net: 'whole', shape: [2, 3, 224, 224], output: 'logits' } as const

const byteAt = (i: number) => ((i * 37) % 129) + 64

/** The images as numbers [N, C, H, W]. */
function numbers([count = 0, channels = 0, height = 0, width = 0]: readonly number[]) {
  const out = new Float32Array(count * channels * height * width)
  for (const i of out.keys()) {
    const c = i % channels
    const x = Math.floor(i / channels) % width
    const y = Math.floor(i / channels / width) % height
    const n = Math.floor(i / channels / width / height)
    out[((n * channels + c) * height + y) * width + x] = (byteAt(i) - 128) / 64
  }
  return out
}

/** What a net gives here for the images of an answer. */
export async function computed(
  device: Device,
  file: string,
  { shape, output }: Pick<OnnxAnswer, 'shape' | 'output'>
): Promise<readonly number[]> {
  const [count = 0, channels = 0, height = 0, width = 0] = shape
  const { definition, tensors } = await importOnnx(file)
  await using net = await definition.build(device, { batch: count, training: false })
  await net.parameters.import(net.stream, tensors)
  const images = Uint8Array.from({ length: count * channels * height * width }, (_, i) => byteAt(i))
  const classes = Array.from({ length: net.classes }, (_, i) => `${i}`)
  const labels = new Uint8Array(count)
  const plain = arrayImageSet({ images, labels, height, width, channels, classes })
  const set = { ...plain, read: plain.read.bind(plain), mean: Array(channels).fill(128 / 255) }
  const values: number[] = []
  const logits: number[] = []
  await evaluate(net, set, {
    input: { fit: 'crop', mean: 'channel', divide: 64 },
    onBatch: ({ probabilities }) => values.push(...probabilities)
  })
  if (output === 'probabilities') return values
  const read = await net.stream.read(net.io.logits.place)
  if (!(read instanceof Float32Array)) throw new Error('[judges] expected logits in f32')
  logits.push(...read)
  return logits
}

/** @param python of an environment that has onnx and onnxruntime */
export async function* judgeOnnxImport(
  python: string,
  device: Device,
  { brief, keep }: { readonly brief: boolean; readonly keep: boolean }
): AsyncGenerator<Check> {
  const torch = findPython()
  if (!torch) throw new NoJudgeError('onnx import: there is no PyTorch')
  const folder = await mkdtemp(join(tmpdir(), 'alexnode-onnx-'))
  try {
    const more = brief ? [] : ['--whole']
    await run(torch, [join(import.meta.dirname, 'onnx_torch.py'), folder, ...more])
    const kept: OnnxAnswer[] = []
    for (const one of brief ? nets : [...nets, whole]) {
      const file = join(folder, `${one.net}.onnx`)
      const values = await answered(python, folder, file, one.shape, 'y')
      kept.push({ ...one, values: one.net === 'whole' ? [] : values })
      const error = farthest(await computed(device, file, one), values)
      yield { name: `PyTorch's ${one.net}, imported: ${one.output}`, error, bound: 1e-4 }
      const { definition, tensors } = await importOnnx(file)
      const again = join(folder, 'again.onnx')
      await exportOnnx({ definition, tensors }, again)
      const back = await answered(python, folder, again, one.shape, one.output)
      yield {
        name: `PyTorch's ${one.net}, imported and exported: ${one.output}`,
        error: farthest(back, values),
        bound: 1e-4
      }
    }
    if (keep) await keepAnswers(folder, kept)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function keepAnswers(folder: string, answers: readonly OnnxAnswer[]): Promise<void> {
  const cases = answers.filter(({ values }) => values.length > 0)
  for (const { net } of cases) {
    await copyFile(join(folder, `${net}.onnx`), join(keptFolder, `torch-${net}.onnx`))
  }
  await writeFile(join(keptFolder, 'onnx-torch.json'), `${JSON.stringify(cases, null, 1)}\n`)
}

/** What onnxruntime computes. */
async function answered(
  python: string,
  folder: string,
  model: string,
  shape: readonly number[],
  output: string
): Promise<readonly number[]> {
  const [input, out] = [join(folder, 'input.bin'), join(folder, 'output.bin')]
  await writeFile(input, new Uint8Array(numbers(shape).buffer))
  const job = { model, input, dtype: 'float32', shape, outputs: { [output]: out } }
  await writeFile(join(folder, 'jobs.json'), JSON.stringify([job]))
  await run(python, [join(import.meta.dirname, 'onnx_run.py'), join(folder, 'jobs.json')])
  const { buffer } = Uint8Array.from(await readFile(out))
  return [...new Float32Array(buffer)]
}
