/** Defines a net as plain data, to draft it or to build it on devices. */
import type { Device } from '../engine/device.ts'
import { devices } from '../engine/rules.ts'
import { checkArguments, checkOptions } from '../util/check/check.ts'
import {
  callback,
  either,
  list,
  maybe,
  oneOf,
  plain,
  record,
  rule,
  text
} from '../util/check/rules.ts'
import { buildNet } from './build.ts'
import { type Draft, draftNet } from './draft.ts'
import type { PlacedNode } from './fuse.ts'
import { inputRule } from './input-rule.ts'
import type { LayerNode } from './layer.ts'
import { needed } from './needed.ts'
import type { Net } from './net.ts'
import { type BuildOptions, checkBuild } from './options.ts'
import { Placement } from './placement/placement.ts'
import type { Head, HeadFunction, InputShape, NetSpec } from './spec.ts'

/** What `defineNet` takes. */
export interface NetOptions {
  /** Shown to people and written to checkpoints. */
  readonly name: string
  /** Size of one input image. */
  readonly input: InputShape
  /** How loss and predictions follow from the last layer's output: see `Head`. Default 'softmax'. */
  readonly head?: HeadFunction | Head
  /**
   * The layers in order. Each reads the layer before, or those that its `inputs` name. The last one gives the logits:
   * [N, classes].
   */
  readonly layers: readonly LayerNode[]
}

const headFunction = oneOf('softmax', 'sigmoid')
const aLayer = rule('a layer, as conv2d() or relu() returns it', (value) => {
  return plain.fault(value) === undefined && layerNode.fault(value) === undefined
})
const layerNode = record<Pick<LayerNode, 'kind' | 'forward' | 'parameters'>>(
  { kind: text, forward: callback, parameters: callback },
  { open: true }
)
const netOptions = record<NetOptions>({
  name: text,
  input: inputRule,
  head: maybe(either(headFunction, record<Head>({ loss: headFunction, output: headFunction }))),
  layers: list(aLayer, { least: 1 })
})

/** A net as plain data, without device or memory. Made by `defineNet`, or by a model such as `alexnet`. */
export class NetDefinition implements NetSpec {
  /** Shown to people and written to checkpoints. */
  readonly name: string
  /** Size of one input image. */
  readonly input: InputShape
  /** What follows the logits. */
  readonly head: Head
  /** The layers in order, with their names and the names of their inputs. */
  readonly layers: readonly PlacedNode[]

  /**
   * @throws Error for an input size that is no whole number from 1, a head that is not 'softmax' or 'sigmoid', no
   * layers, two layers of one name, a layer that reads one that is not before it, or one that the last does not depend
   * on
   */
  constructor(options: NetOptions) {
    checkOptions('net', options, netOptions)
    const { name, input, head = 'softmax', layers } = options
    this.name = name
    this.input = input
    this.head = typeof head === 'string' ? { loss: head, output: head } : head
    this.layers = nameLayers(name, layers)
  }

  /**
   * Lays the net out on a device, or on several: shapes, layouts and memory plan, without memory for tensors. Close
   * the draft when done.
   *
   * @param on the device, or several that share the net as `options.parallel` says
   * @throws Error as `build`, but never for too little memory: see `plan().fits` of the draft
   *
   * @example
   * const draft = await alexnet().draft(device, { batch: 128 })
   * console.log(draft.layers, draft.plan().bytes)
   * await draft.close()
   */
  async draft(on: Device | readonly Device[], options: BuildOptions): Promise<Draft> {
    return draftNet(this, placementOn(on, options), options, true)
  }

  /**
   * Builds the net on a device, or on several: allocates its memory and initialises its parameters. The results are
   * the same on any number of devices, to rounding.
   *
   * @param on the device, or several that share the net as `options.parallel` says
   * @throws OutOfMemoryError if the net needs more memory than is free; the message names a batch that fits
   * @throws Error for a batch that is no whole number from 1, for a dtype that a device does not have, for a layer that
   * does not suit its inputs (with its name, what it expected and what it got), or for CPUs together with GPUs
   *
   * @example
   * await using device = await open('cuda')
   * await using net = await alexnet().build(device, { batch: 128, dtype: 'bf16' })
   */
  async build(on: Device | readonly Device[], options: BuildOptions): Promise<Net> {
    return buildNet(this, placementOn(on, options), options, true)
  }
}

function placementOn(on: Device | readonly Device[], options: BuildOptions): Placement {
  checkArguments('net', { on: [on, devices] })
  checkBuild(options)
  const { parallel, stream, group } = options
  return new Placement('id' in on ? [on] : on, parallel, stream, group)
}

/** Gives each layer its name and the names of its inputs. */
function nameLayers(net: string, layers: readonly LayerNode[]): PlacedNode[] {
  const counts = new Map<string, number>()
  const placed: PlacedNode[] = []
  const names = new Set(['input'])
  let before = 'input'
  for (const node of layers) {
    const count = (counts.get(node.kind) ?? 0) + 1
    counts.set(node.kind, count)
    const name = node.name ?? `${node.kind}${count}`
    if (names.has(name)) {
      throw new Error(`[net] ${net}: two layers are called '${name}': rename one`)
    }
    const inputs = node.inputs ?? [before]
    for (const input of inputs) {
      if (!names.has(input)) {
        throw new Error(
          `[net] ${net}: layer '${name}' reads '${input}', and no layer before it has that name: ` +
            `expected one of ${[...names].join(', ')}`
        )
      }
    }
    names.add(name)
    placed.push({ node, name, inputs })
    before = name
  }
  requireRead(net, placed)
  return placed
}

/** Refuses layers that the last one does not depend on: they would be computed for nothing, and never learn. */
function requireRead(net: string, placed: readonly PlacedNode[]): void {
  const read = needed(placed)
  const unread = placed.filter((layer) => !read.includes(layer)).map(({ name }) => `'${name}'`)
  if (unread.length === 0) return
  const [noun, verb] = unread.length === 1 ? ['layer', 'does'] : ['layers', 'do']
  throw new Error(
    `[net] ${net}: the output does not depend on ${noun} ${unread.join(', ')}: expected that each ` +
      `layer is read, on the way to the last; leave out what ${verb} nothing, or name it in the ` +
      'inputs of a layer behind it'
  )
}

/**
 * Defines a net of your own.
 *
 * @throws Error for an input size that is no whole number from 1, a head that is not 'softmax' or 'sigmoid', no
 * layers, two layers of one name, a layer that reads one that is not before it, or one that the last does not depend on
 *
 * @example
 * const lenet = defineNet({
 *   name: 'lenet',
 *   input: { channels: 1, height: 28, width: 28 },
 *   layers: [
 *     conv2d({ filters: 32, size: 5, padding: 'same' }),
 *     relu(),
 *     maxPool({ size: 2 }),
 *     flatten(),
 *     dense({ units: 10 })
 *   ]
 * })
 */
export function defineNet(options: NetOptions): NetDefinition {
  return new NetDefinition(options)
}
