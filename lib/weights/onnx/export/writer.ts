/** What a function that writes a layer is given, and gives. */
import type { LayerOptions } from '../../../net/layer.ts'
import type { StoredTensor } from '../../stored.ts'
import type { GraphBuilder } from './graph.ts'

/** A value of the graph: its name, and its shape without the batch. */
export interface Written {
  readonly name: string
  /** [C, H, W] or [C]. */
  readonly shape: readonly number[]
}

/** A layer that is to be written. */
export interface LayerToWrite<Config extends LayerOptions = LayerOptions> {
  readonly name: string
  readonly config: Config
  readonly inputs: readonly Written[]
  /** By their names in the layer. */
  readonly parameters: Readonly<Record<string, StoredTensor>>
}

/** Writes a layer's nodes. */
export type LayerWriter = (graph: GraphBuilder, layer: LayerToWrite) => Written

/**
 * A writer for the layers of one kind, whose options are then known. Only the table of writers, which is by kind, calls
 * it.
 */
export function writer<Config extends LayerOptions>(
  write: (graph: GraphBuilder, layer: LayerToWrite<Config>, x: Written) => Written
): LayerWriter {
  return (graph, layer) => {
    const [x] = layer.inputs
    if (!x) throw new Error(`[onnx] layer '${layer.name}': expected an input, got none`)
    return write(graph, layer as LayerToWrite<Config>, x)
  }
}

/** A parameter of a layer. */
export function parameterOf({ name, parameters }: LayerToWrite, kind: string): StoredTensor {
  const found = parameters[kind]
  if (found) return found
  throw new Error(`[onnx] layer '${name}': expected the parameter '${name}.${kind}', got none`)
}

/** [C, H, W] of maps. */
export function mapsOf(
  { name }: LayerToWrite,
  { shape }: Written
): readonly [number, number, number] {
  const [channels, height, width] = shape
  if (channels === undefined || height === undefined || width === undefined) {
    throw new Error(`[onnx] layer '${name}': expected an input [C, H, W], got [${shape}]`)
  }
  return [channels, height, width]
}

/** Adds the ReLU that a layer has in its op. */
export function withRelu(graph: GraphBuilder, name: string, relu: boolean, y: string): string {
  return relu ? graph.node('Relu', [y], `${name}/relu`) : y
}
