/** `alexnode export`: writes a trained net for other programs. */
import { realpath, stat } from 'node:fs/promises'
import { dirname, sep } from 'node:path'
import { open } from '../engine/device.ts'
import type { NetDefinition } from '../net/definition.ts'
import { preprocessingOf } from '../use/preprocessing.ts'
import { openTrained, readRun } from '../use/trained.ts'
import { readWeights } from '../use/weights.ts'
import { foreign } from '../util/foreign.ts'
import { counted, someOf } from '../util/words.ts'
import { saveKerasWeights } from '../weights/keras/files.ts'
import { exportOnnx } from '../weights/onnx/export/export.ts'
import { foldBatchNorm } from '../weights/onnx/export/fold.ts'
import { readSize } from '../weights/onnx/preprocessing.ts'
import { exportSafetensors } from '../weights/safetensors/write.ts'
import type { NamedTensors } from '../weights/stored.ts'
import { choice, command, parse } from './shared/command.ts'
import { mebibytes } from './shared/format.ts'
import { jsonHelp } from './shared/options.ts'
import { print, printJson } from './shared/output.ts'
import { program, UsageError } from './shared/program.ts'
import { entry, onePiece } from './shared/text.ts'

type Format = 'onnx' | 'safetensors' | 'h5'

interface Given {
  readonly dtype?: 'f32' | 'f16'
  readonly withPreprocessing?: boolean
  readonly foldBatchNorm?: boolean
  readonly weights?: string
  readonly json?: boolean
}

interface Arguments extends Given {
  readonly run: string
  readonly out: string
  readonly format: Format
}

const formats = ['onnx', 'safetensors', 'h5'] as const

async function readArguments(): Promise<Arguments> {
  const made = await command(
    'export',
    'Writes a trained net for other programs: OUT.onnx, which onnxruntime runs, with class names and ' +
      'preprocessing; OUT.safetensors, weights by name in the layouts of PyTorch; OUT.h5 or ' +
      'OUT.weights.h5, weights for Keras. The name decides.'
  )
  made
    .usage('RUN OUT.onnx|.safetensors|.h5 [options]')
    .argument('<run>', "the run's folder")
    .argument('<out>', 'the file')
    .addOption(
      await choice('--dtype <dtype>', 'dtype of the weights in the file (f32)', ['f32', 'f16'])
    )
    .option('--with-preprocessing', 'make the preprocessing a part of the graph, which reads bytes')
    .option('--fold-batch-norm', 'fold batch norm into the layer before it')
    .option('--weights <which>', 'weights of the run: final, best, newest or a step (final)')
    .option('--json', jsonHelp)
  const given = await parse<Given>(made)
  const [run = '', out = ''] = made.args
  const format = formats.find((one) => out.toLowerCase().endsWith(`.${one}`))
  if (!format) {
    throw new UsageError(
      `alexnode export: expected OUT.onnx, OUT.safetensors or OUT.h5, got ${foreign(out)}.`
    )
  }
  const wrong =
    format !== 'onnx' && (given.withPreprocessing || given.foldBatchNorm)
      ? '--with-preprocessing and --fold-batch-norm are of OUT.onnx'
      : format === 'h5' && given.dtype === 'f16'
        ? 'a file for Keras holds f32: leave --dtype out'
        : undefined
  if (wrong) throw new UsageError(`alexnode export: ${wrong}.`)
  return { ...given, run, out, format }
}

/** A run keeps its own weights in files of this format, which would be replaced. */
async function checkOutside(run: string, out: string): Promise<void> {
  // Of a folder that is missing the writer tells.
  const folder = await realpath(dirname(out)).catch(() => '')
  if (!`${folder}${sep}`.startsWith(`${await realpath(run)}${sep}`)) return
  throw new UsageError(
    `alexnode export: expected a .safetensors file outside of the run's folder, got ${foreign(out)}: ` +
      'the run keeps its own there. Choose another folder.'
  )
}

/** Keras's file is made of a net on a device, whose layers tell their shapes. */
async function exportKeras(run: string, out: string, weights: string | undefined): Promise<void> {
  await using device = await open('cpu')
  await using trained = await openTrained(run, device, { batch: 1, weights, dtype: 'f32' })
  await saveKerasWeights(trained.net, out)
}

/** Names of batch norms. */
interface Norms {
  readonly folded: readonly string[]
  /** Those that stay: the layer before has a ReLU, is no convolution or dense layer, or is read by others, too. */
  readonly kept: readonly string[]
}

function normsOf({ layers }: NetDefinition, tensors: NamedTensors): Norms {
  const { folded } = foldBatchNorm(layers, tensors)
  const all = layers.filter(({ node }) => node.kind === 'batch_norm').map(({ name }) => name)
  return { folded: [...folded], kept: all.filter((name) => !folded.has(name)) }
}

function normsText({ folded, kept }: Norms): string {
  const all = folded.length + kept.length
  if (all === 0) return 'there is no batch norm to fold'
  const rest = kept.length === 0 ? '' : `; kept: ${someOf(kept.map((name) => foreign(name)))}`
  return `${folded.length} of ${counted(all, 'batch norm')} folded${rest}`
}

await program(async () => {
  const { run, out, format, dtype = 'f32', json = false, ...given } = await readArguments()
  const { weights, withPreprocessing = false, foldBatchNorm = false } = given
  const facts = await readRun(run, { weights })
  const { definition, data } = facts
  let norms: Norms | undefined
  if (format === 'safetensors') await checkOutside(run, out)
  if (format === 'h5') await exportKeras(run, out, weights)
  else {
    const tensors = await readWeights(facts)
    if (format === 'safetensors') await exportSafetensors({ definition, tensors }, out, { dtype })
    else {
      const preprocessing = preprocessingOf(facts)
      const own = { classes: data.classes, preprocessing, withPreprocessing, foldBatchNorm, dtype }
      await exportOnnx({ definition, tensors }, out, own)
      if (foldBatchNorm) norms = normsOf(definition, tensors)
    }
  }
  const { size: bytes } = await stat(out)
  if (json) {
    const { name: net } = definition
    printJson({ net, file: out, format, dtype, bytes, weights: facts.weights, norms })
    return
  }
  print(
    entry('Net', `${foreign(definition.name)}, ${counted(data.classes.length, 'class', 'classes')}`)
  )
  print(entry('Weights', onePiece(facts.weights)))
  print(entry('File', `${onePiece(out)}: ${mebibytes(bytes)}`))
  if (format !== 'onnx') return
  const { channels, height, width } = definition.input
  const read = readSize(preprocessingOf(facts), definition.input)
  const reads = withPreprocessing
    ? `image: u8 [N, ${read.height}, ${read.width}, ${channels}]`
    : `input: f32 [N, ${channels}, ${height}, ${width}]`
  print(entry('Reads', reads))
  if (norms) print(entry('Norms', normsText(norms)))
  print(entry('Gives', `probabilities and logits: f32 [N, ${data.classes.length}]`))
})
