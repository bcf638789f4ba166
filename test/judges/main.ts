/**
 * `npm run judges`: trains the same nets here, in Keras, TensorFlow and PyTorch, and compares the results; and runs in
 * onnxruntime what we export, on photographs of ALEXNODE_DATA.
 *
 *     npm run judges [-- --brief] [--keep] [--only tensorflow|pytorch|torchvision|onnx|tensorboard]
 *
 * Photographs of ALEXNODE_DATA are compared with torchvision.
 *
 * TensorBoard reads event files of a run, and shows them in Chromium.
 *
 * `--brief` runs only the first case of Keras, and one net of PyTorch's. `--keep` writes the results of Keras,
 * TensorFlow and PyTorch to test/judges/kept/, which `npm test` reads. The last line is `N passed, N failed, N skipped`; a
 * framework that cannot be installed is skipped.
 */
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { open } from '../../lib/engine/device.ts'
import { type Check, holds } from './check.ts'
import { debianPytorch, debianTorchvision, NoJudgeError, pythonOf, run } from './environments.ts'
import { keptCase, keptFolder } from './kept.ts'
import * as keras from './keras-fashion.ts'
import { judgeOnnx } from './onnx.ts'
import { judgeOnnxImport } from './onnx-import.ts'
import * as pytorch from './pytorch.ts'
import * as tensorboard from './tensorboard.ts'
import * as tensorflow from './tensorflow-mnist.ts'
import * as torchvision from './torchvision.ts'

const { values } = parseArgs({
  options: {
    keep: { type: 'boolean', default: false },
    brief: { type: 'boolean', default: false },
    only: { type: 'string' }
  }
})
const say = (line: string) => process.stdout.write(`${line}\n`)
const counts = { passed: 0, failed: 0, skipped: 0 }

function judge(check: Check): void {
  const passed = holds(check)
  counts[passed ? 'passed' : 'failed']++
  const { name, error, bound } = check
  say(
    `${passed ? 'passed' : 'FAILED'}  ${name}: ${error.toExponential(1)} of ${bound.toExponential(1)}`
  )
}

/** Does what one judge says, or tells that there is no such judge here. */
async function attempt(name: string, work: () => Promise<void>): Promise<void> {
  if (values.only !== undefined && values.only !== name) return
  try {
    await work()
  } catch (error) {
    if (!(error instanceof NoJudgeError)) throw error
    counts.skipped++
    say(`skipped ${error.message}`)
  }
}

const device = await open('cpu')
try {
  await attempt('tensorflow', async () => {
    const python = await pythonOf('tensorflow', say)
    for await (const check of keras.judgeKeras(python, device, values)) judge(check)
    for await (const check of tensorflow.judgeTensorflow(python, device)) judge(check)
    if (values.keep) await keep(python)
  })
  await attempt('pytorch', async () => {
    await debianPytorch(say)
    const { brief } = values
    const keep = values.keep ? { keep: (answer: object) => write('pytorch.json', answer) } : {}
    for await (const check of pytorch.judgePytorch(device, { brief, ...keep })) judge(check)
  })
  await attempt('torchvision', judgePhotographs)
  await attempt('onnx', async () => {
    const python = await pythonOf('onnx', say)
    for await (const check of judgeOnnxImport(python, device, values)) judge(check)
    if (!values.brief) for await (const check of judgeOnnx(python, device)) judge(check)
  })
  await attempt('tensorboard', async () => {
    const python = await pythonOf('tensorboard', say)
    const path = join(keptFolder, 'tensorboard.json')
    if (values.keep) {
      await writeFile(path, `${JSON.stringify(await tensorboard.theirs(python), null, 2)}\n`)
    }
    const kept = JSON.parse(readFileSync(path, 'utf8'))
    for await (const check of tensorboard.judgeTensorboard(python, kept)) judge(check)
  })
} finally {
  await device.close()
}
say(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exitCode = counts.failed > 0 ? 1 : 0

/** Writes what a judge gave to a small file that `npm test` reads. */
function write(name: string, answer: object): Promise<void> {
  return writeFile(join(keptFolder, name), `${JSON.stringify(answer, null, 2)}\n`)
}

/** Compares photographs with torchvision, if ALEXNODE_DATA has them. */
async function judgePhotographs(): Promise<void> {
  const tar = join(process.env.ALEXNODE_DATA ?? '', 'imagenet-samples.tar')
  if (!existsSync(tar))
    throw new NoJudgeError('torchvision: ALEXNODE_DATA has no imagenet-samples.tar')
  const python = await debianTorchvision(say)
  const folder = await mkdtemp(join(tmpdir(), 'alexnode-photographs-'))
  try {
    await run('tar', ['-xf', tar, '--strip-components=1', '-C', folder])
    const keep = values.keep
      ? (kept: torchvision.Kept) => write('torchvision.json', kept)
      : undefined
    for await (const check of torchvision.judgeTorchvision(python, device, folder, keep))
      judge(check)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Writes the small files of Keras and TensorFlow that `npm test` reads. */
async function keep(python: string): Promise<void> {
  await run(python, [join(import.meta.dirname, 'keras_small.py'), keptFolder])
  const ops = join(keptFolder, 'tensorflow-ops.json')
  await run(python, [join(import.meta.dirname, 'tensorflow_ops.py'), ops])
  const folder = await mkdtemp(join(tmpdir(), 'alexnode-keras-'))
  try {
    const { versions, losses, untrained } = await keras.theirs(
      python,
      device,
      keptCase,
      keras.drawn(),
      folder
    )
    await write('keras-fashion.json', { versions, ...keptCase, losses, untrained })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  const { versions, losses } = await tensorflow.theirs(python, device)
  await write('tensorflow-mnist.json', { versions, losses })
}
