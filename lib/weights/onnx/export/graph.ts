/** A graph of ONNX while it is made: nodes, constants, and names that are unique. */
import { elements } from '../../../native/layout.ts'
import type { Encoded, StartMessage } from '../../../util/files/protobuf-writer.ts'
import type { StoredTensor } from '../../stored.ts'
import {
  Attribute,
  AttributeType,
  Dim,
  GraphField,
  Node,
  ShapeField,
  Tensor,
  TensorInfo,
  TensorType,
  Type,
  ValueInfo
} from '../schema.ts'

/** Attributes of a node. Numbers of `floats` are f32, all others whole. */
export interface Attributes {
  readonly integers?: Readonly<Record<string, number | readonly number[]>>
  readonly floats?: Readonly<Record<string, number>>
  readonly texts?: Readonly<Record<string, string>>
}

/** Names that the finished graph gives to its inputs and outputs. */
export const RESERVED = ['input', 'image', 'logits', 'probabilities'] as const

export class GraphBuilder {
  readonly #start: StartMessage
  readonly #names = new Set<string>(RESERVED)
  readonly #nodes: Encoded[] = []
  readonly #initializers: Encoded[] = []

  constructor(start: StartMessage) {
    this.#start = start
  }

  /**
   * Adds a node of one output.
   * @param wanted its name, and that of its output, if it is free
   * @param output its output's name; default: the node's
   * @returns the name of its output
   */
  node(
    op: string,
    inputs: readonly string[],
    wanted: string,
    { integers = {}, floats = {}, texts = {} }: Attributes = {},
    output?: string
  ): string {
    const name = this.#unique(wanted)
    const message = this.#start()
    for (const input of inputs) message.text(Node.input, input)
    message
      .text(Node.output, output ?? name)
      .text(Node.name, name)
      .text(Node.op, op)
    for (const [key, value] of Object.entries(integers)) {
      const one = this.#start().text(Attribute.name, key)
      if (typeof value === 'number') {
        one.integer(Attribute.integer, value).integer(Attribute.type, AttributeType.integer)
      } else {
        for (const item of value) one.integer(Attribute.integers, item)
        one.integer(Attribute.type, AttributeType.integers)
      }
      message.message(Node.attribute, one.end())
    }
    for (const [key, value] of Object.entries(floats)) {
      const one = this.#start().text(Attribute.name, key).float(Attribute.float, value)
      message.message(Node.attribute, one.integer(Attribute.type, AttributeType.float).end())
    }
    for (const [key, value] of Object.entries(texts)) {
      const one = this.#start().text(Attribute.name, key).text(Attribute.text, value)
      message.message(Node.attribute, one.integer(Attribute.type, AttributeType.text).end())
    }
    this.#nodes.push(message.end())
    return output ?? name
  }

  /** Adds a parameter, and where it is stored in f16, a node that makes it f32 again. */
  weights(wanted: string, { dtype, shape, bytes }: StoredTensor): string {
    const stored = this.#constant(wanted, TensorType[dtype], shape, bytes)
    if (dtype === 'f32') return stored
    return this.node('Cast', [stored], `${wanted}/f32`, { integers: { to: TensorType.f32 } })
  }

  /** Adds a constant of f32. */
  floats(wanted: string, shape: readonly number[], data: Float32Array): string {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    return this.#constant(wanted, TensorType.f32, shape, bytes)
  }

  /** Adds a constant of one f32 number. */
  number(wanted: string, value: number): string {
    return this.floats(wanted, [], Float32Array.of(value))
  }

  /** Adds a constant list of whole numbers. */
  integers(wanted: string, values: readonly number[]): string {
    const data = BigInt64Array.from(values, BigInt)
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    return this.#constant(wanted, TensorType.i64, [values.length], bytes)
  }

  #constant(wanted: string, type: number, shape: readonly number[], bytes: Uint8Array): string {
    if (bytes.byteLength % Math.max(1, elements(shape)) !== 0) {
      throw new RangeError(`[onnx] ${wanted}: expected data for [${shape}], got other bytes`)
    }
    const name = this.#unique(wanted)
    const message = this.#start()
    for (const size of shape) message.integer(Tensor.dims, size)
    message.integer(Tensor.type, type).text(Tensor.name, name).bytes(Tensor.raw, bytes)
    this.#initializers.push(message.end())
    return name
  }

  #unique(wanted: string): string {
    let name = wanted
    for (let i = 2; this.#names.has(name); i++) name = `${wanted}_${i}`
    this.#names.add(name)
    return name
  }

  /** The finished graph. Shapes leave out the batch, which is open. */
  end(
    name: string,
    input: {
      readonly name: string
      readonly type: 'f32' | 'u8'
      readonly shape: readonly number[]
    },
    outputs: readonly { readonly name: string; readonly shape: readonly number[] }[]
  ): Encoded {
    const graph = this.#start()
    for (const node of this.#nodes) graph.message(GraphField.node, node)
    graph.text(GraphField.name, name)
    for (const tensor of this.#initializers) graph.message(GraphField.initializer, tensor)
    graph.message(GraphField.input, this.#valueInfo(input.name, input.type, input.shape))
    for (const { name, shape } of outputs) {
      graph.message(GraphField.output, this.#valueInfo(name, 'f32', shape))
    }
    return graph.end()
  }

  #valueInfo(name: string, type: 'f32' | 'u8', shape: readonly number[]): Encoded {
    const dims = this.#start().message(ShapeField.dim, this.#start().text(Dim.name, 'N').end())
    for (const size of shape) {
      dims.message(ShapeField.dim, this.#start().integer(Dim.value, size).end())
    }
    const tensor = this.#start().integer(TensorInfo.element, TensorType[type])
    tensor.message(TensorInfo.shape, dims.end())
    const inner = this.#start().message(Type.tensor, tensor.end()).end()
    return this.#start().text(ValueInfo.name, name).message(ValueInfo.type, inner).end()
  }
}
