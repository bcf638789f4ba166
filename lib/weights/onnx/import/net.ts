/** The net while it is made from a graph: layers in order, values by their names in the graph, and parameters. */
import type { LayerNode } from '../../../net/layer.ts'
import { damaged, type Label } from './errors.ts'
import type { OnnxModel } from './model.ts'
import type { OnnxTensor } from './tensor.ts'

/** Zeros around maps, which the window that reads them takes over: [top, bottom, left, right]. */
export type Borders = readonly [number, number, number, number]

/** A value that layers compute. */
export interface LayerValue {
  /** Name of a layer, or 'input'. */
  readonly layer: string
  /** [C, H, W] or [C]. */
  readonly shape: readonly number[]
  /** Its channels were split into so many images; an LRN keeps its windows within them. */
  readonly groups?: number
  readonly borders?: Borders
  readonly norm?: NormState
}

/** A local response normalisation that is made of other operators: how far it is. */
export interface NormState {
  /** What is normalised. */
  readonly of: LayerValue
  /** The shape that the squares have now, without the batch; channels may be rows. */
  readonly view: readonly number[]
  readonly groups: number
  readonly window?: { readonly size: number; readonly within: boolean }
  readonly alpha?: number
  readonly k?: number
  readonly beta?: number
}

/** A tensor that becomes a parameter. */
export interface ParameterSource {
  readonly tensor: OnnxTensor
  /** The parameter's shape. */
  readonly shape: readonly number[]
  /** True for [in, out], which is [out, in] here. */
  readonly transposed: boolean
  readonly factor: number
}

/** What every layer is told. */
export interface Place {
  readonly name: string
  readonly inputs: readonly string[]
}

/** A layer, which may get a bias until all nodes are read. */
export interface LayerDraft extends Place {
  readonly kind: string
  /** By their names in the layer. */
  readonly parameters: Map<string, ParameterSource>
  make(): LayerNode
}

export class NetInMaking {
  readonly label: Label
  readonly opset: number
  /** The batch, where the file fixes it. */
  readonly batch: number | undefined
  readonly drafts: LayerDraft[] = []
  readonly byName = new Map<string, LayerDraft>()
  readonly #values = new Map<string, LayerValue>()
  readonly #constants: Map<string, OnnxTensor>
  readonly #readers = new Map<string, number>()

  constructor({ label, opset, constants, nodes, outputs }: OnnxModel, batch: number | undefined) {
    this.batch = batch
    this.label = label
    this.opset = opset
    this.#constants = new Map(constants)
    for (const name of [...nodes.flatMap(({ inputs }) => inputs), ...outputs]) {
      this.#readers.set(name, (this.#readers.get(name) ?? 0) + 1)
    }
  }

  /** How many nodes and outputs of the graph read a value. */
  readers(name: string): number {
    return this.#readers.get(name) ?? 0
  }

  set(name: string, value: LayerValue): void {
    this.#free(name)
    this.#values.set(name, value)
  }

  setConstant(name: string, tensor: OnnxTensor): void {
    this.#free(name)
    this.#constants.set(name, tensor)
  }

  #free(name: string): void {
    if (!this.#values.has(name) && !this.#constants.has(name)) return
    damaged(this.label, 'values of different names', `'${name}' twice`)
  }

  value(name: string): LayerValue | undefined {
    return this.#values.get(name)
  }

  constant(name: string): OnnxTensor | undefined {
    return this.#constants.get(name)
  }

  /**
   * Adds a layer.
   * @param wanted its name, if it is free; default: the kind and a number
   */
  add(
    kind: string,
    inputs: readonly string[],
    make: (place: Place, parameters: ReadonlyMap<string, ParameterSource>) => LayerNode,
    parameters: readonly (readonly [string, ParameterSource])[] = [],
    wanted = ''
  ): string {
    const name = this.#unique(wanted === '' ? `${kind}${this.drafts.length + 1}` : wanted)
    const own = new Map(parameters)
    const draft = { name, kind, inputs, parameters: own, make: () => make({ name, inputs }, own) }
    this.drafts.push(draft)
    this.byName.set(name, draft)
    return name
  }

  #unique(wanted: string): string {
    let name = wanted
    for (let i = 2; this.byName.has(name) || name === 'input'; i++) name = `${wanted}_${i}`
    return name
  }
}
