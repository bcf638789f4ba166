/** A net as its author defines it, with the two things to do with it: draft it, or build it. */
import type { Device } from '../engine/device.ts'
import { buildNet, draftNet } from './build.ts'
import type { Draft } from './draft.ts'
import type { PlacedNode } from './fuse.ts'
import type { LayerNode } from './layer.ts'
import type { Net } from './net.ts'
import type { BuildOptions } from './options.ts'
import { Placement } from './placement/placement.ts'
import type { InputShape, NetSpec } from './spec.ts'

export interface NetOptions {
  /** For people and checkpoints. */
  readonly name: string
  readonly input: InputShape
  /** In order. Each reads the one before, or those it names. The last one's output is the net's: logits [N, classes]. */
  readonly layers: readonly LayerNode[]
}

/** A net as data: what it is, on no device yet, with no memory. */
export class NetDefinition implements NetSpec {
  readonly name: string
  readonly input: InputShape
  readonly layers: readonly PlacedNode[]

  /** @throws Error for a layer that reads one that is not there, or a name that is there twice */
  constructor({ name, input, layers }: NetOptions) {
    this.name = name
    this.input = input
    for (const [what, value] of Object.entries(input)) {
      if (!Number.isInteger(value) || value < 1) {
        throw new Error(
          `[net] ${name}: input ${what}: expected a whole number from 1, got ${value}`
        )
      }
    }
    this.layers = named(name, layers)
  }

  /**
   * Works out shapes, layouts and memory on a device, or on several, without taking memory for tensors.
   * @throws Error naming the layer that does not fit, what it expected and what came
   */
  async draft(on: Device | readonly Device[] | Placement, options: BuildOptions): Promise<Draft> {
    if (on instanceof Placement) return draftNet(this, on, options, false)
    return draftNet(this, placed(on, options), options, true)
  }

  /**
   * Builds the net on a device, or on several that share it as `options.parallel` says: takes its memory,
   * fills its parameters, records its programs. The numbers are the same on any devices, to rounding.
   *
   * @throws Error before any memory is taken, where a layer does not fit or the whole would not
   *
   * @example
   * await using net = await alexnet().build([await open('cuda:0'), await open('cuda:1')], { batch: 128 })
   */
  async build(on: Device | readonly Device[], options: BuildOptions): Promise<Net> {
    return buildNet(this, placed(on, options), options, true)
  }
}

function placed(on: Device | readonly Device[], { parallel, stream }: BuildOptions): Placement {
  return new Placement('id' in on ? [on] : on, parallel, stream)
}

function named(net: string, layers: readonly LayerNode[]): PlacedNode[] {
  const counts = new Map<string, number>()
  const out: PlacedNode[] = []
  const names = new Set(['input'])
  let before = 'input'
  for (const node of layers) {
    const count = (counts.get(node.kind) ?? 0) + 1
    counts.set(node.kind, count)
    const name = node.name ?? `${node.kind}${count}`
    if (names.has(name))
      throw new Error(`[net] ${net}: two layers are called '${name}': rename one`)
    const inputs = node.inputs ?? [before]
    for (const input of inputs) {
      if (!names.has(input)) {
        throw new Error(
          `[net] ${net}: layer '${name}' reads '${input}', and there is none of that name before it: ` +
            `expected one of ${[...names].join(', ')}`
        )
      }
    }
    names.add(name)
    out.push({ node, name, inputs })
    before = name
  }
  if (out.length === 0) throw new Error(`[net] ${net}: expected one layer or more, got none`)
  return out
}

/** A net of one's own. */
export function defineNet(options: NetOptions): NetDefinition {
  return new NetDefinition(options)
}
