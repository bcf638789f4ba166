import { dtypeBytes } from '../../native/dtype.ts'
import { elements } from '../../native/layout.ts'
import type { BoundCall, Pass } from '../../net/graph/tape.ts'
import type { Value } from '../../net/graph/value.ts'
import type { Net } from '../../net/net.ts'

/** How long one call of a step took. */
export interface CallTime {
  /** Name of the device. */
  readonly device: string
  /** Name of the layer. */
  readonly layer: string
  /** Such as 'forward' or 'backward'. */
  readonly pass: Pass
  /** Name of the op. */
  readonly op: string
  /** The kernel or library primitive that computed it. */
  readonly implementation: string
  /** Milliseconds: the median of a few steps. */
  readonly ms: number
}

/** How long one pass of a layer took, with its arithmetic and memory traffic. */
export interface LayerTime {
  /** Name of the layer. */
  readonly layer: string
  /** Such as 'forward' or 'backward'. */
  readonly pass: Pass
  /** Milliseconds of all its calls. */
  readonly ms: number
  /** Multiplications and additions of its products by definition, even if fewer are made (Winograd). */
  readonly flop: number
  /** Bytes that its calls read and write, padding included. */
  readonly bytes: number
  /** Bytes from other layers and passes, read once, and bytes for them, written once. */
  readonly leastBytes: number
  /** Calls that only change a layout. */
  readonly reorders: number
  /** In the order of the step. */
  readonly calls: readonly CallTime[]
}

/** How a call uses a value. */
interface Touch {
  readonly value: Value
  readonly reads: boolean
  readonly writes: boolean
}

function touches({ call: { op, args } }: BoundCall): Touch[] {
  return op.info.slots.flatMap(({ name, role }) => {
    const value = args[name]
    return value ? [{ value, reads: role !== 'out', writes: role !== 'in' }] : []
  })
}

const times = ({ reads, writes }: Touch) => Number(reads) + Number(writes)
const dense = ({ dims, dtype }: Value) => elements(dims) * dtypeBytes(dtype)

/**
 * Sums calls by layer and pass, in order of first appearance.
 * @param ms of each call
 */
export function perLayer(net: Net, bound: readonly BoundCall[], ms: readonly number[]) {
  const groups = groupsOf(bound, ms)
  const readers = new Map<Value, Set<Group>>()
  for (const group of groups) {
    for (const { value, reads } of group.touched) {
      if (reads) readers.set(value.root, (readers.get(value.root) ?? new Set()).add(group))
    }
  }
  const macs = new Map(net.layers.map((layer) => [layer.name, layer.macs]))
  const layers = groups.map((group): LayerTime => {
    const { layer, pass, calls, touched } = group
    const products = calls.filter(({ op }) => /^(conv2d|dense)(_|$)/.test(op)).length
    const made = new Set<Value>()
    const brought = new Map<Value, number>()
    const sent = new Map<Value, number>()
    for (const { value, reads, writes } of touched) {
      const { root } = value
      if (reads && !made.has(root)) brought.set(root, dense(value))
      if (!writes) continue
      made.add(root)
      const leaves =
        root.permanent || [...(readers.get(root) ?? [])].some((other) => other !== group)
      if (leaves) sent.set(root, dense(value))
    }
    return {
      layer,
      pass,
      ms: sum(calls.map((call) => call.ms)),
      calls,
      flop: 2 * products * net.batch * (macs.get(layer) ?? 0),
      bytes: sum(touched.map((touch) => times(touch) * touch.value.bytes)),
      leastBytes: sum(brought.values()) + sum(sent.values()),
      reorders: calls.filter(({ op }) => op === 'reorder').length
    }
  })
  return { calls: bound.map((one, i) => callTime(one, ms[i] ?? 0)), layers }
}

/** The calls of one layer and pass. */
interface Group {
  readonly layer: string
  readonly pass: Pass
  readonly calls: CallTime[]
  readonly touched: Touch[]
}

function groupsOf(bound: readonly BoundCall[], ms: readonly number[]): readonly Group[] {
  const groups: Group[] = []
  const known = new Map<string, Map<Pass, Group>>()
  for (const [i, one] of bound.entries()) {
    const { layer, pass } = one.call
    const passes = known.get(layer) ?? new Map<Pass, Group>()
    known.set(layer, passes)
    const group = passes.get(pass) ?? { layer, pass, calls: [], touched: [] }
    if (!passes.has(pass)) groups.push(group)
    passes.set(pass, group)
    group.calls.push(callTime(one, ms[i] ?? 0))
    group.touched.push(...touches(one))
  }
  return groups
}

function callTime({ call }: BoundCall, ms: number): CallTime {
  const { op, stream, layer, pass } = call
  const { name, implementation } = op
  return { device: stream.device.name, layer, pass, op: name, implementation, ms }
}

function sum(values: Iterable<number>): number {
  return [...values].reduce((all, one) => all + one, 0)
}

/** A layer's pass for JSON files. */
export function layerJson({ leastBytes, flop, ms, ...layer }: LayerTime) {
  return { ...layer, ms, flop, gflop_per_s: flop / ms / 1e6, least_bytes: leastBytes }
}
