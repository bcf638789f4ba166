/** Makes a net of an ONNX file. */
import { setImmediate } from 'node:timers/promises'
import { defineNet, type NetDefinition } from '../../../net/definition.ts'
import type { PublicTensor } from '../../../net/graph/public-tensors.ts'
import type { HeadFunction, InputShape } from '../../../net/spec.ts'
import { checkArguments } from '../../../util/check/check.ts'
import { text } from '../../../util/check/rules.ts'
import { DamagedFileError } from '../../../util/files/errors.ts'
import type { WeightedNet } from '../../stored.ts'
import { damaged, type Label, unsupported } from './errors.ts'
import { readNode } from './layers.ts'
import { type OnnxInput, type OnnxModel, readModel } from './model.ts'
import { type LayerDraft, NetInMaking, type ParameterSource } from './net.ts'
import { NodeReader } from './node.ts'

/** A net that was read from a file. */
export interface ImportedNet extends WeightedNet {
  /** The net: `build` makes it ready to run. */
  readonly definition: NetDefinition
  /** What the file says of itself by name, such as `classes` of our own files. */
  readonly metadata: Readonly<Record<string, string>>
}

/** f32, f16, f64, bf16 */
const FLOATS = [1, 10, 11, 16]
/** Weights that many nodes share become parameters of each: at most so many times the file's bytes. */
const MOST_TIMES = 8

/**
 * Reads a net and its weights from an ONNX file of opset 7 or later: chains and graphs of Conv, Gemm, MatMul, MaxPool,
 * AveragePool, GlobalAveragePool, GlobalMaxPool, ReduceMean over maps, LRN, BatchNormalization, Relu, LeakyRelu, Tanh,
 * Sigmoid, Softmax, Dropout, Flatten, Reshape to rows, Add, Concat, Slice of channels, Pad before a window, Identity,
 * Cast and Constant. A Softmax or Sigmoid at the end becomes the net's head. Layers are named by their weights:
 * 'features.0' of 'features.0.weight'. Numbers of f16, bf16 and f64 become f32. Nothing of the file is run.
 *
 * @throws DamagedFileError for a file that is not ONNX or is damaged, and for what nets here do not have, which the
 * message names with its node
 * @throws DiskError if it cannot be read
 *
 * @example
 * const { definition, tensors } = await importOnnx('alexnet.onnx')
 * const net = await definition.build(device, { batch: 1, training: false })
 * await net.parameters.import(net.stream, tensors)
 */
export async function importOnnx(path: string): Promise<ImportedNet> {
  checkArguments('onnx', { path: [path, text] })
  const model = await readModel(path)
  const { definition, drafts } = netOf(model)
  const tensors = new Map<string, PublicTensor>()
  checkBytes(model.label, drafts)
  for (const { name, parameters } of drafts) {
    for (const [kind, source] of parameters) {
      tensors.set(`${name}.${kind}`, { shape: source.shape, data: await valuesOf(source) })
      await setImmediate()
    }
  }
  return { definition, tensors, metadata: model.metadata }
}

/** The net that a model describes, and its layers with the tensors that they read. */
export function netOf(model: OnnxModel): {
  readonly definition: NetDefinition
  readonly drafts: readonly LayerDraft[]
} {
  const { label, nodes } = model
  const { name, input, batch } = inputOf(model)
  const net = new NetInMaking(model, batch)
  net.set(name, { layer: 'input', shape: [input.channels, input.height, input.width] })
  for (const node of nodes) {
    const reader = new NodeReader(net, node)
    try {
      readNode(reader)
    } catch (error) {
      if (error instanceof DamagedFileError || !(error instanceof Error)) throw error
      damaged(label, `${reader.where} that nets here can have`, error.message)
    }
  }
  const { last, head } = outputOf(model, net)
  const drafts = neededBy(last, net)
  try {
    const layers = drafts.map((draft) => draft.make())
    const of = model.metadata.net ?? 'onnx'
    const definition = defineNet({ name: of === '' ? 'onnx' : of, input, head, layers })
    return { definition, drafts }
  } catch (error) {
    if (!(error instanceof Error)) throw error
    return damaged(label, 'layers that nets here can have', error.message)
  }
}

function inputOf({ label, inputs }: OnnxModel) {
  const [given] = inputs
  if (!given || inputs.length !== 1) {
    return unsupported(label, 'model', `of ${inputs.length} inputs`, 'one input')
  }
  return { name: given.name, ...sizeOf(label, given) }
}

function sizeOf(
  label: Label,
  { name, type, shape }: OnnxInput
): { readonly input: InputShape; readonly batch: number | undefined } {
  const where = `input '${name}'`
  if (!FLOATS.includes(type)) {
    unsupported(label, where, `of type ${type}`, 'numbers: a model without preprocessing')
  }
  const [batch, channels, height, width] = shape ?? []
  const sizes = [channels, height, width]
  if (!channels || !height || !width || shape?.length !== 4 || !sizes.every((n) => isSize(n))) {
    const got = (shape ?? []).map((size) => size ?? '?').join(', ')
    return unsupported(label, where, `of [${got}]`, '[N, C, H, W] with C, H and W that are fixed')
  }
  return { input: { channels, height, width }, batch }
}

const isSize = (size: number | undefined) => size !== undefined && size > 0 && size < 2 ** 31

/** The layer that gives the logits, and what follows it. */
function outputOf({ label, outputs }: OnnxModel, net: NetInMaking) {
  const found = outputs.map((name) => ({ name, value: net.value(name) }))
  const [first] = found
  if (!first) return damaged(label, 'an output', 'none')
  if (!first.value) return damaged(label, 'an output that a node gives', `'${first.name}'`)
  const { layer, shape } = first.value
  if (shape.length !== 1) {
    return unsupported(label, `output '${first.name}'`, `of [N, ${shape}]`, 'rows [N, classes]')
  }
  const draft = net.byName.get(layer)
  const heads: Readonly<Record<string, HeadFunction>> = { softmax: 'softmax', sigmoid: 'sigmoid' }
  const head = draft && heads[draft.kind]
  const [before] = draft?.inputs ?? []
  if (head && before !== undefined && before !== 'input') return { last: before, head }
  if (!draft) return damaged(label, 'an output that layers give', 'the input')
  return { last: layer, head: 'softmax' as const }
}

/** The layers that a layer depends on, and itself, in order. */
function neededBy(last: string, { drafts, byName }: NetInMaking): readonly LayerDraft[] {
  const needed = new Set<string>()
  const open = [last]
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (needed.has(name)) continue
    needed.add(name)
    open.push(...(byName.get(name)?.inputs ?? []))
  }
  return drafts.filter(({ name }) => needed.has(name))
}

/** Refuses weights that many layers share: each would have a copy of its own. */
function checkBytes(label: Label, drafts: readonly LayerDraft[]): void {
  const sources = drafts.flatMap(({ parameters }) => [...parameters.values()])
  const own = new Set(sources.map(({ tensor }) => tensor))
  const sum = (list: readonly { readonly elements: number }[]) =>
    list.reduce((total, { elements }) => total + elements, 0)
  const all = sum(sources.map(({ tensor }) => tensor))
  const once = sum([...own])
  if (all <= once * MOST_TIMES) return
  unsupported(label, 'model', 'whose layers share their weights', 'weights of each layer')
}

async function valuesOf({ tensor, shape, transposed, factor }: ParameterSource) {
  const given = await tensor.read()
  const values = transposed ? await turned(given, shape) : given
  return factor === 1 ? values : values.map((value) => value * factor)
}

/** Elements that are moved before the event loop gets a turn: some milliseconds. */
const PIECE = 1 << 20

/** [in, out] as [out, in]. */
export async function turned(
  values: Float32Array,
  [rows = 0, columns = 0]: readonly number[]
): Promise<Float32Array> {
  const out = new Float32Array(values.length)
  for (let row = 0, moved = 0; row < rows; row++, moved += columns) {
    for (let column = 0; column < columns; column++) {
      out[row * columns + column] = values[column * rows + row] ?? 0
    }
    if (moved < PIECE) continue
    moved = 0
    await setImmediate()
  }
  return out
}
