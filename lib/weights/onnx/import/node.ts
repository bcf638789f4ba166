/** A node that is being read. */
import { damaged, unsupported } from './errors.ts'
import type { OnnxAttribute, OnnxNode } from './model.ts'
import type { LayerValue, NetInMaking, ParameterSource } from './net.ts'
import type { OnnxTensor } from './tensor.ts'

/** A node that is being read: its inputs as values, its attributes with their defaults. */
export class NodeReader {
  readonly net: NetInMaking
  readonly node: OnnxNode

  constructor(net: NetInMaking, node: OnnxNode) {
    this.net = net
    this.node = node
  }

  get where(): string {
    return `node '${this.node.name}' (${this.node.op})`
  }

  refuse(got: string, expected: string): never {
    return unsupported(this.net.label, this.where, got, expected)
  }

  #attribute(name: string): OnnxAttribute | undefined {
    return this.node.attributes.get(name)
  }

  integer(name: string, fallback: number): number {
    return this.#attribute(name)?.integer ?? fallback
  }

  float(name: string, fallback: number): number {
    return this.#attribute(name)?.float ?? fallback
  }

  text(name: string, fallback: string): string {
    return this.#attribute(name)?.text ?? fallback
  }

  integers(name: string): readonly number[] | undefined {
    return this.#attribute(name)?.integers
  }

  tensor(name: string): OnnxTensor | undefined {
    return this.#attribute(name)?.tensor
  }

  has(name: string): boolean {
    return this.node.attributes.has(name)
  }

  /** The value of an input that layers compute. */
  input(index: number): LayerValue {
    const name = this.node.inputs[index] ?? ''
    const found = this.net.value(name)
    if (found) return found
    if (this.net.constant(name))
      this.refuse(`that reads the constant '${name}'`, 'a value of layers')
    return damaged(
      this.net.label,
      `${this.where}: an input that a node before it gives`,
      name === '' ? 'none' : `'${name}'`
    )
  }

  /** A plain value: neither split into groups nor with borders. */
  plain(index: number): LayerValue {
    const value = this.input(index)
    if (value.groups !== undefined) this.refuse('of maps split by a Reshape', 'maps [N, C, H, W]')
    if (value.borders) this.refuse('of maps with borders', 'maps without borders')
    return value
  }

  /** [C, H, W] of a value. */
  maps({ shape }: LayerValue): readonly [number, number, number] {
    const [channels, height, width] = shape
    if (channels === undefined || height === undefined || width === undefined) {
      return this.refuse(`of [N, ${shape}]`, 'maps [N, C, H, W]')
    }
    return [channels, height, width]
  }

  /** An input that is a constant; undefined if it is left out. */
  constant(index: number): OnnxTensor | undefined {
    const name = this.node.inputs[index] ?? ''
    if (name === '') return undefined
    const found = this.net.constant(name)
    if (found) return found
    if (this.net.value(name)) this.refuse(`that computes '${name}'`, 'constant weights and shapes')
    return damaged(
      this.net.label,
      `${this.where}: an input that a node before it gives`,
      `'${name}'`
    )
  }

  needed(index: number): OnnxTensor {
    return this.constant(index) ?? this.refuse(`without input ${index + 1}`, 'all of its inputs')
  }

  /** Whole numbers of an attribute, or of a constant input, as newer opsets have them. */
  list(name: string, index: number): readonly number[] | undefined {
    return this.integers(name) ?? this.constant(index)?.few
  }

  /** The numbers of a short constant; none of others. */
  numbers(tensor: OnnxTensor | undefined): readonly number[] {
    return tensor?.few ?? []
  }

  /** A constant of a shape, which may have sizes of 1 around it. */
  parameter(
    tensor: OnnxTensor,
    shape: readonly number[],
    { transposed = false, factor = 1 } = {}
  ): ParameterSource {
    const elements = shape.reduce((product, extent) => product * extent, 1)
    if (tensor.elements !== elements || !['f32', 'f64', 'f16', 'bf16'].includes(tensor.dtype)) {
      const got = `with '${tensor.name}', ${tensor.dtype} [${tensor.shape}]`
      this.refuse(got, `numbers of ${shape.length === 1 ? `[${shape}]` : `shape [${shape}]`}`)
    }
    return { tensor, shape, transposed, factor }
  }

  /** Names the node's first output. */
  gives(value: LayerValue): void {
    const [output = '', ...more] = this.node.outputs
    const used = more.find((name) => name !== '' && this.net.readers(name) > 0)
    if (used !== undefined) this.refuse(`whose output '${used}' is read`, 'one output')
    this.net.set(output, value)
  }

  /** The name of a layer by its weights: 'features.0' of 'features.0.weight'. */
  nameBy(tensor: OnnxTensor): string {
    const name = tensor.name.replace(/[./](weight|kernel|scale|gamma)(:0)?$/, '')
    return name === tensor.name ? this.node.name : name
  }
}
