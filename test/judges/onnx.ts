/**
 * Files of ONNX that we write, checked by onnx.checker and run by onnxruntime: for all named nets, a net with every kind
 * of layer, and that of examples/custom-net.ts, on photographs. The outputs must be ours.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { residualNet } from '../../examples/custom-net.ts'
import type { Device } from '../../lib/engine/device.ts'
import type { NetDefinition } from '../../lib/net/definition.ts'
import { netByName, netNames } from '../../lib/net/models/index.ts'
import { evenStart } from '../../lib/net/models/start.ts'
import type { Net } from '../../lib/net/net.ts'
import { evaluate } from '../../lib/training/evaluate/evaluate.ts'
import { outputs } from '../../lib/use/outputs.ts'
import { exportOnnx, type OnnxOptions } from '../../lib/weights/onnx/export/export.ts'
import type { Preprocessing } from '../../lib/weights/onnx/preprocessing.ts'
import { everyWindow } from '../onnx-nets.ts'
import { smallNet } from '../small-net.ts'
import { type Check, farthest } from './check.ts'
import { run } from './environments.ts'
import { type Pictures, photographs, shake } from './onnx-parts.ts'

/** Photographs that each net sees. */
const IMAGES = 8
/** Of logits, |a - b| / max(1, |b|); of probabilities, |a - b|. */
const BOUND = 1e-4

interface Case {
  readonly name: string
  readonly definition: NetDefinition
  readonly options?: OnnxOptions
  readonly bound?: number
}

async function* cases(): AsyncGenerator<Case> {
  // With weights that keep the scale of what they read, so that an error anywhere reaches the logits.
  for (const name of netNames) yield { name, definition: evenStart(netByName(name)) }
  const small = smallNet()
  yield { name: 'examples/custom-net.ts', definition: residualNet }
  yield { name: 'every kind of layer', definition: small }
  yield { name: 'every window', definition: everyWindow() }
  for (const [name, definition] of [
    ['custom-net', residualNet] as const,
    ['small', small] as const
  ]) {
    yield { name: `${name}, batch norm folded`, definition, options: { foldBatchNorm: true } }
  }
  const cifar = netByName('cifar')
  yield { name: 'cifar, batch norm folded', definition: cifar, options: { foldBatchNorm: true } }
  // Half of f16's last digit, through all layers.
  yield { name: 'cifar, f16', definition: cifar, options: { dtype: 'f16' }, bound: 2e-2 }
}

/** How the photographs become the net's input: as a run does it that crops, by channel; mean and divisor are odd. */
function cropping({ height, width, channels }: Pictures, { input }: NetDefinition): Preprocessing {
  return {
    image: { height, width, channels, fit: 'crop', filter: 'lanczos3' },
    crop: {
      top: Math.floor((height - input.height) / 2),
      left: Math.floor((width - input.width) / 2)
    },
    mean: [121.5, 117.25, 103].slice(0, channels),
    divisor: [58.5, 57.25, 60].slice(0, channels)
  }
}

/** @param python of an environment that has onnx and onnxruntime */
export async function* judgeOnnx(python: string, device: Device): AsyncGenerator<Check> {
  const folder = await mkdtemp(join(tmpdir(), 'alexnode-onnx-'))
  try {
    for await (const one of cases()) yield* judgeCase(python, device, folder, one)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function* judgeCase(
  python: string,
  device: Device,
  folder: string,
  { name, definition, options = {}, bound = BOUND }: Case
): AsyncGenerator<Check> {
  const { input } = definition
  const pictures = await photographs(input, IMAGES)
  const preprocessing = cropping(pictures, definition)
  await using net = await definition.build(device, { batch: IMAGES, training: false })
  await shake(net)
  const ours = await computed(net, pictures, preprocessing)
  const { plain, bytes } = await pictures.cropped(preprocessing, input)
  const shape = {
    plain: [IMAGES, input.channels, input.height, input.width],
    bytes: [] as number[]
  }
  shape.bytes = [IMAGES, input.height, input.width, input.channels]
  for (const withPreprocessing of [false, true]) {
    const file = (what: string) => join(folder, `${what}.bin`)
    const model = join(folder, 'net.onnx')
    await exportOnnx(net, model, { ...options, preprocessing, withPreprocessing })
    await writeFile(file('input'), withPreprocessing ? bytes : new Uint8Array(plain.buffer))
    const job = {
      model,
      input: file('input'),
      dtype: withPreprocessing ? 'uint8' : 'float32',
      shape: withPreprocessing ? shape.bytes : shape.plain,
      outputs: { logits: file('logits'), probabilities: file('probabilities') }
    }
    await writeFile(join(folder, 'jobs.json'), JSON.stringify([job]))
    await run(python, [join(import.meta.dirname, 'onnx_run.py'), join(folder, 'jobs.json')])
    for (const what of ['logits', 'probabilities'] as const) {
      const { buffer } = Uint8Array.from(await readFile(file(what)))
      const error = farthest([...ours[what]], [...new Float32Array(buffer)])
      const how = withPreprocessing ? ', from bytes' : ''
      yield { name: `onnxruntime ${name}${how}: ${what}`, error, bound }
    }
  }
}

/** Our outputs, of pictures that the engine itself crops. */
async function computed(net: Net, pictures: Pictures, { mean, divisor }: Preprocessing) {
  const set = {
    ...pictures.set,
    classes: Array.from({ length: net.classes }, (_, i) => `${i}`),
    mean: [...mean].map((value) => value / 255),
    std: divisor.map((value) => value / 255)
  }
  const input = { fit: 'crop', mean: 'channel', divide: 'std' } as const
  const logits: number[] = []
  const probabilities: number[] = []
  for await (const { values } of outputs(net, set, { input })) logits.push(...values)
  await evaluate(net, set, {
    input,
    onBatch: (batch) => probabilities.push(...batch.probabilities)
  })
  return { logits, probabilities }
}
