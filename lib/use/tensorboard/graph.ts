/**
 * A net as TensorBoard's graph: a node for each layer, with its options and the shape of its output. Each node is in a
 * scope of its own: others TensorBoard draws as one where their names differ by a number alone.
 * Source: tensorboard/compat/proto/{graph,node_def,attr_value}.proto
 */
import type { Net } from '../../net/net.ts'
import type { Encoded, StartMessage } from '../../util/files/protobuf-writer.ts'

/** What the graph needs of a net. */
export type GraphOf = Pick<Net, 'batch' | 'layers'> & {
  readonly definition: Pick<Net['definition'], 'input' | 'layers'>
}

/** The net as a `GraphDef`. */
export function graphOf(start: StartMessage, { definition, layers, batch }: GraphOf): Encoded {
  const { channels, height, width } = definition.input
  const known = new Map(layers.map((layer) => [layer.name, layer]))
  const attributes = new Attributes(start)
  const graph = start()
  const add = (name: string, op: string, inputs: readonly string[], more: readonly Encoded[]) => {
    const node = start().text(1, name).text(2, op)
    for (const input of inputs) node.text(3, input)
    for (const one of more) node.message(5, one)
    graph.message(1, node.end())
  }
  const scoped = new Map(definition.layers.map(({ node, name }) => [name, `${name}/${node.kind}`]))
  const nodeOf = (name: string) => scoped.get(name) ?? name
  add('input', 'Placeholder', [], [attributes.output([batch, channels, height, width])])
  for (const { node, name, inputs } of definition.layers) {
    const layer = known.get(name)
    const options = Object.entries(node.config).filter(
      ([key]) => key !== 'name' && key !== 'inputs'
    )
    add(nodeOf(name), node.kind, inputs.map(nodeOf), [
      ...options.flatMap(([key, value]) => attributes.option(key, value)),
      ...(layer
        ? [
            attributes.entry('parameters', start().integer(3, layer.parameters).end()),
            attributes.entry('macs', start().integer(3, layer.macs).end()),
            attributes.output([batch, ...layer.output])
          ]
        : [])
    ])
  }
  return graph.message(4, start().integer(1, 1).end()).end()
}

class Attributes {
  readonly #start: StartMessage

  constructor(start: StartMessage) {
    this.#start = start
  }

  /** @param value an `AttrValue` */
  entry(name: string, value: Encoded): Encoded {
    return this.#start().text(1, name).message(2, value).end()
  }

  /** An option of a layer; nothing for one that is neither number, text, flag nor a list of these. */
  option(name: string, value: unknown): readonly Encoded[] {
    const start = this.#start
    if (typeof value === 'boolean')
      return [
        this.entry(
          name,
          start()
            .integer(5, value ? 1 : 0)
            .end()
        )
      ]
    if (typeof value === 'string') return [this.entry(name, start().text(2, value).end())]
    if (Number.isSafeInteger(value))
      return [this.entry(name, start().integer(3, Number(value)).end())]
    if (typeof value === 'number') return [this.entry(name, start().float(4, value).end())]
    if (value === undefined || typeof value === 'function') return []
    return [this.entry(name, start().text(2, JSON.stringify(value)).end())]
  }

  /** The shape of a node's output. */
  output(dims: readonly number[]): Encoded {
    const shape = this.#start()
    for (const dim of dims) shape.message(2, this.#start().integer(1, dim).end())
    const list = this.#start().message(7, shape.end()).end()
    return this.entry('_output_shapes', this.#start().message(1, list).end())
  }
}
