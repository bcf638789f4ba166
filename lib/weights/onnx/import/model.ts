/** Reads an ONNX file: its nodes, constants, inputs and outputs, without their values. */
import { type Message, readProtobuf } from '../../../util/files/protobuf.ts'
import {
  Attribute,
  Dim,
  Entry,
  GraphField,
  Model,
  Node,
  Opset,
  ShapeField,
  TensorInfo,
  Type,
  ValueInfo
} from '../schema.ts'
import { damaged, type Label, unsupported } from './errors.ts'
import { type OnnxTensor, tensorOf } from './tensor.ts'

/** An attribute of a node; what it does not have is undefined or empty. */
export interface OnnxAttribute {
  readonly integer: number | undefined
  readonly float: number | undefined
  readonly text: string | undefined
  readonly integers: readonly number[]
  readonly floats: readonly number[]
  readonly tensor: OnnxTensor | undefined
}

export interface OnnxNode {
  readonly op: string
  /** For messages: its name, or that of its first output. */
  readonly name: string
  /** '' stands for one that is left out. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: ReadonlyMap<string, OnnxAttribute>
}

/** An input: its name, and its sizes as far as they are fixed. */
export interface OnnxInput {
  readonly name: string
  readonly type: number
  readonly shape: readonly (number | undefined)[] | undefined
}

export interface OnnxModel {
  readonly label: Label
  readonly opset: number
  readonly nodes: readonly OnnxNode[]
  readonly constants: ReadonlyMap<string, OnnxTensor>
  readonly inputs: readonly OnnxInput[]
  readonly outputs: readonly string[]
  readonly metadata: Readonly<Record<string, string>>
}

/** More layers than any net that is built here. */
const MOST_NODES = 10_000
const MOST_DIMS = 16
/** Opset 7 is of 2018: operators before it say other things. */
const LEAST_OPSET = 7

/**
 * Reads what a file holds.
 * @throws DamagedFileError for a file that is damaged, or not ONNX
 * @throws DiskError if it cannot be read
 */
export function readModel(path: string): Promise<OnnxModel> {
  return readProtobuf('onnx', path, (root) => modelOf(root, { path }))
}

async function modelOf(root: Message, label: Label): Promise<OnnxModel> {
  const graph = await root.message(Model.graph)
  if (!graph || root.integer(Model.irVersion) === undefined) {
    return damaged(label, 'a model of ONNX', 'a file without a graph')
  }
  let opset = 0
  for (const imported of await root.messages(Model.opsets)) {
    const domain = (await imported.text(Opset.domain)) ?? ''
    if (domain === '' || domain === 'ai.onnx') opset = imported.integer(Opset.version) ?? 0
  }
  if (opset < LEAST_OPSET) {
    unsupported(label, 'model', `of opset ${opset}`, `opset ${LEAST_OPSET} or later`)
  }
  if (graph.has(GraphField.sparse)) {
    unsupported(label, 'model', 'with sparse tensors', 'a model of dense tensors')
  }
  if (graph.count(GraphField.node) > MOST_NODES) {
    unsupported(label, 'model', `of ${graph.count(GraphField.node)}`, `at most ${MOST_NODES} nodes`)
  }
  const nodes: OnnxNode[] = []
  for (const message of await graph.messages(GraphField.node)) {
    nodes.push(await nodeOf(message, label))
  }
  const constants = new Map<string, OnnxTensor>()
  for (const message of await graph.messages(GraphField.initializer)) {
    const tensor = await tensorOf(message, label)
    if (constants.has(tensor.name)) damaged(label, 'tensors of different names', tensor.name)
    constants.set(tensor.name, tensor)
  }
  const inputs: OnnxInput[] = []
  for (const message of await graph.messages(GraphField.input)) {
    const input = await inputOf(message)
    // Files of old versions list constants among the inputs.
    if (!constants.has(input.name)) inputs.push(input)
  }
  const outputs: string[] = []
  for (const message of await graph.messages(GraphField.output)) {
    outputs.push((await message.text(ValueInfo.name)) ?? '')
  }
  const metadata: [string, string][] = []
  for (const entry of await root.messages(Model.metadata)) {
    metadata.push([(await entry.text(Entry.key)) ?? '', (await entry.text(Entry.value)) ?? ''])
  }
  return { label, opset, nodes, constants, inputs, outputs, metadata: Object.fromEntries(metadata) }
}

async function nodeOf(message: Message, label: Label): Promise<OnnxNode> {
  const op = (await message.text(Node.op)) ?? ''
  const outputs = await message.texts(Node.output)
  const name = (await message.text(Node.name)) || outputs[0] || ''
  const domain = (await message.text(Node.domain)) ?? ''
  if (domain !== '' && domain !== 'ai.onnx') {
    unsupported(label, `node '${name}'`, `of ${domain}: ${op}`, "an operator of ONNX's own")
  }
  const attributes = new Map<string, OnnxAttribute>()
  for (const attribute of await message.messages(Node.attribute)) {
    const key = (await attribute.text(Attribute.name)) ?? ''
    const tensor = await attribute.message(Attribute.tensor)
    attributes.set(key, {
      integer: attribute.integer(Attribute.integer),
      float: await attribute.float(Attribute.float),
      text: await attribute.text(Attribute.text),
      integers: await attribute.numbers(Attribute.integers, 'varint'),
      floats: await attribute.numbers(Attribute.floats, 'float'),
      tensor: tensor && (await tensorOf(tensor, label, outputs[0]))
    })
  }
  return { op, name, inputs: await message.texts(Node.input), outputs, attributes }
}

async function inputOf(message: Message): Promise<OnnxInput> {
  const name = (await message.text(ValueInfo.name)) ?? ''
  const tensor = await (await message.message(ValueInfo.type))?.message(Type.tensor)
  const shape = await tensor?.message(TensorInfo.shape)
  const dims: (number | undefined)[] = []
  for (const dim of (await shape?.messages(ShapeField.dim)) ?? []) {
    if (dims.length < MOST_DIMS) dims.push(dim.has(Dim.value) ? dim.integer(Dim.value) : undefined)
  }
  const type = tensor?.integer(TensorInfo.element) ?? 0
  return { name, type, shape: shape && dims }
}
