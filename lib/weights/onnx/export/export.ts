/** Writes a net as ONNX. */

import { version } from '../../../native/version.ts'
import type { Net } from '../../../net/net.ts'
import { aDefinition, aNet } from '../../../net/rules.ts'
import type { NetSpec } from '../../../net/spec.ts'
import { checkArguments, checkOptions } from '../../../util/check/check.ts'
import { either, flag, list, map, maybe, oneOf, record, text } from '../../../util/check/rules.ts'
import { replaceWith } from '../../../util/files/atomic.ts'
import { writeBytes } from '../../../util/files/bytes.ts'
import { needLittleEndian } from '../../../util/files/endian.ts'
import {
  type Encoded,
  protobufWriter,
  type StartMessage
} from '../../../util/files/protobuf-writer.ts'
import { type StoredTensor, storedTensors, type WeightedNet } from '../../stored.ts'
import {
  checkPreprocessing,
  type Preprocessing,
  preprocessingJson,
  preprocessingRule,
  preprocessingText,
  readSize
} from '../preprocessing.ts'
import { Entry, Model, Opset } from '../schema.ts'
import { foldBatchNorm } from './fold.ts'
import { GraphBuilder } from './graph.ts'
import { writerOf } from './layers.ts'
import { writePreprocessing } from './preprocess.ts'
import { type Written, withRelu } from './writer.ts'

/** Opset 17, whose files are of version 8: what runtimes of 2022 and later read. */
const OPSET = 17
const IR_VERSION = 8
/** The largest message of protobuf. */
const MOST_BYTES = 2 ** 31 - 1

/** Options of `exportOnnx`. */
export interface OnnxOptions {
  /** Names of the classes, in the order of the net's outputs, for the metadata. Default: none. */
  readonly classes?: readonly string[]
  /** What is done to a picture before it is the net's input, for the metadata. Default: nothing is told. */
  readonly preprocessing?: Preprocessing
  /** Makes `preprocessing` a part of the graph, which then reads bytes: u8 [N, H, W, C]. Default false. */
  readonly withPreprocessing?: boolean
  /**
   * How weights of two dimensions or more are stored. 'f16' halves the file; all is computed in f32 nevertheless.
   * Default 'f32'.
   */
  readonly dtype?: 'f32' | 'f16'
  /** Folds batch norm into the convolution or dense layer before it, where that is possible. Default false. */
  readonly foldBatchNorm?: boolean
}

const onnxOptions = record<OnnxOptions>({
  classes: maybe(list(text)),
  preprocessing: maybe(preprocessingRule),
  withPreprocessing: maybe(flag),
  dtype: maybe(oneOf('f32', 'f16')),
  foldBatchNorm: maybe(flag)
})

const aWeightedNet = either(
  aNet,
  record<WeightedNet>({ definition: aDefinition, tensors: map }, { open: true })
)

/**
 * Writes a net for other runtimes as ONNX: opset 17, any batch. The input is `input`, f32 [N, C, H, W]; with
 * preprocessing `image`, u8 [N, H, W, C]. Outputs are `probabilities` and `logits`, f32 [N, classes]. Dropout and batch
 * norm compute as in inference. The metadata has the net's name, the class names as JSON, and the preprocessing as JSON
 * (`preprocessing`) and in words (`preprocessing_in_words`). Equal nets and options give equal bytes. An existing file
 * is replaced atomically.
 *
 * @param net that `build` made, or a definition with its tensors, which needs no device
 * @throws RangeError for preprocessing that does not suit the net, a weight that f16 does not hold, or a file above 2 GiB
 * @throws DiskError where the disk refuses; the file is as it was then
 *
 * @example
 * await exportOnnx(net, 'alexnet.onnx', { classes: data.train.classes })
 */
export async function exportOnnx(
  net: Net | WeightedNet,
  path: string,
  options: OnnxOptions = {}
): Promise<void> {
  checkArguments('onnx', { net: [net, aWeightedNet], path: [path, text] })
  checkOptions('onnx', options, onnxOptions)
  needLittleEndian('onnx')
  const { definition } = net
  const { preprocessing, withPreprocessing = false } = options
  if (preprocessing) checkPreprocessing(preprocessing, definition.input)
  else if (withPreprocessing) {
    throw new RangeError('[onnx] expected preprocessing for withPreprocessing, got none')
  }
  const tensors = 'tensors' in net ? net.tensors : await net.parameters.export(net.stream)
  const model = await encode({ definition, tensors }, options)
  if (model.length > MOST_BYTES) {
    throw new RangeError(
      `[onnx] ${definition.name}: expected a file of at most 2 GiB, got ${model.length} bytes; use dtype 'f16'`
    )
  }
  await replaceWith(path, (temporary) => writeBytes(temporary, model.parts).then(() => {}))
}

async function encode(net: WeightedNet, options: OnnxOptions): Promise<Encoded> {
  const start = await protobufWriter()
  const { definition } = net
  const message = start()
    .integer(Model.irVersion, IR_VERSION)
    .text(Model.producerName, 'alexnode')
    .text(Model.producerVersion, version)
    .message(Model.graph, await graphOf(net, options, start))
    .message(Model.opsets, start().text(Opset.domain, '').integer(Opset.version, OPSET).end())
  for (const [key, value] of metadataOf(definition, options)) {
    const entry = start().text(Entry.key, key).text(Entry.value, value)
    message.message(Model.metadata, entry.end())
  }
  return message.end()
}

function metadataOf(
  { name, input, head }: NetSpec,
  { classes, preprocessing, withPreprocessing = false }: OnnxOptions
): [string, string][] {
  return [
    ['net', name],
    ['output', head.output],
    ...(classes ? [['classes', JSON.stringify(classes)] as [string, string]] : []),
    ...(preprocessing
      ? ([
          ['preprocessing', preprocessingJson(preprocessing, input, withPreprocessing)],
          ['preprocessing_in_words', preprocessingText(preprocessing, input, withPreprocessing)]
        ] as [string, string][])
      : [])
  ]
}

async function graphOf(
  { definition, tensors }: WeightedNet,
  options: OnnxOptions,
  start: StartMessage
): Promise<Encoded> {
  const { name, input, head, layers } = definition
  const { preprocessing, withPreprocessing = false, dtype = 'f32', foldBatchNorm: fold } = options
  const kept = fold ? foldBatchNorm(layers, tensors) : { folded: new Set<string>(), tensors }
  const stored = parametersOf(await storedTensors(kept.tensors, dtype))
  const graph = new GraphBuilder(start)
  const pixels = withPreprocessing ? preprocessing : undefined
  const first = pixels ? writePreprocessing(graph, pixels, input) : 'input'
  const shape = [input.channels, input.height, input.width]
  const values = new Map<string, Written>([['input', { name: first, shape }]])
  let last: Written = { name: first, shape }
  for (const { name, node, inputs } of layers) {
    const reads = inputs.map((from) => {
      const found = values.get(from)
      if (!found) throw new Error(`[onnx] layer '${name}' reads '${from}', which is not before it`)
      return found
    })
    const { config, kind } = node
    const [x] = reads
    const relu = 'relu' in config && config.relu === true
    last =
      x && kept.folded.has(name)
        ? { name: withRelu(graph, name, relu, x.name), shape: x.shape }
        : writerOf(kind)(graph, { name, config, inputs: reads, parameters: stored.get(name) ?? {} })
    values.set(name, last)
  }
  const logits = graph.node('Identity', [last.name], 'logits/value', {}, 'logits')
  const isSoftmax = head.output === 'softmax'
  graph.node(
    isSoftmax ? 'Softmax' : 'Sigmoid',
    [logits],
    'probabilities/value',
    isSoftmax ? { integers: { axis: 1 } } : {},
    'probabilities'
  )
  const outputs = ['probabilities', 'logits'].map((name) => ({ name, shape: last.shape }))
  if (!pixels) return graph.end(name, { name: 'input', type: 'f32', shape }, outputs)
  const { height, width } = readSize(pixels, input)
  const bytes = [height, width, input.channels]
  return graph.end(name, { name: 'image', type: 'u8', shape: bytes }, outputs)
}

/** By layer, and by their names in the layer. */
function parametersOf(
  tensors: ReadonlyMap<string, StoredTensor>
): ReadonlyMap<string, Record<string, StoredTensor>> {
  const out = new Map<string, Record<string, StoredTensor>>()
  for (const [name, tensor] of tensors) {
    const at = name.lastIndexOf('.')
    const layer = name.slice(0, at)
    out.set(layer, { ...out.get(layer), [name.slice(at + 1)]: tensor })
  }
  return out
}
