/** What each layer's pass of a step takes: time, arithmetic, and bytes read and written. */

import { dtypeBytes } from '../../native/dtype.ts'
import { elements } from '../../native/layout.ts'
import type { BoundCall, Pass } from '../../net/graph/tape.ts'
import type { Value } from '../../net/graph/value.ts'
import type { Net } from '../../net/net.ts'

/** One op call of a step. */
export interface CallTime {
  readonly device: string
  readonly layer: string
  readonly pass: Pass
  readonly op: string
  readonly implementation: string
  /** Milliseconds: the median of a few steps. */
  readonly ms: number
}

/** A layer's calls of one pass. */
export interface LayerTime {
  readonly layer: string
  readonly pass: Pass
  readonly ms: number
  /** Multiplications and additions of its products by their definition, also where fewer are made (Winograd). */
  readonly flop: number
  /** Of all tensors that its calls read and write, as they lie in memory. */
  readonly bytes: number
  /** Of what comes from other layers or passes, and of what goes there: read once, written once. */
  readonly leastBytes: number
  /** Calls that do nothing but change layouts. */
  readonly reorders: number
  readonly calls: readonly CallTime[]
}

/** A value as a call has it. */
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
 * Sums calls up by layer and pass, in the order in which they first appear.
 * @param ms of each call
 */
export function perLayer(net: Net, bound: readonly BoundCall[], ms: readonly number[]) {
  const keyOf = ({ layer, pass }: { layer: string; pass: Pass }) => `${layer} ${pass}`
  const calls = bound.map(
    ({ call: { op, stream, layer, pass } }, i): CallTime => ({
      ...{ device: stream.device.name, layer, pass },
      ...{ op: op.name, implementation: op.implementation, ms: ms[i] ?? 0 }
    })
  )
  const readers = new Map<Value, Set<string>>()
  for (const one of bound) {
    for (const { value, reads } of touches(one)) {
      if (!reads) continue
      const keys = readers.get(value.root) ?? new Set()
      readers.set(value.root, keys.add(keyOf(one.call)))
    }
  }
  const macs = new Map(net.layers.map((layer) => [layer.name, layer.macs]))
  const groups = new Map<string, { own: CallTime[]; touched: Touch[] }>()
  for (const [i, call] of calls.entries()) {
    const group = groups.get(keyOf(call)) ?? { own: [], touched: [] }
    groups.set(keyOf(call), group)
    const here = bound[i]
    group.own.push(call)
    if (here) group.touched.push(...touches(here))
  }
  const layers = [...groups].flatMap(([key, { own, touched }]): LayerTime[] => {
    const [first] = own
    if (!first) return []
    const { layer, pass } = first
    const products = own.filter(({ op }) => /^(conv2d|dense)(_|$)/.test(op)).length
    const made = new Set<Value>()
    const brought = new Map<Value, number>()
    const sent = new Map<Value, number>()
    for (const { value, reads, writes } of touched) {
      const { root } = value
      if (reads && !made.has(root)) brought.set(root, dense(value))
      if (!writes) continue
      made.add(root)
      const leaves = root.permanent || [...(readers.get(root) ?? [])].some((other) => other !== key)
      if (leaves) sent.set(root, dense(value))
    }
    const sum = (values: Iterable<number>) => [...values].reduce((all, one) => all + one, 0)
    return [
      {
        ...{ layer, pass, ms: sum(own.map((call) => call.ms)), calls: own },
        flop: 2 * products * net.batch * (macs.get(layer) ?? 0),
        bytes: sum(touched.map((touch) => times(touch) * touch.value.bytes)),
        leastBytes: sum(brought.values()) + sum(sent.values()),
        reorders: own.filter(({ op }) => op === 'reorder').length
      }
    ]
  })
  return { calls, layers }
}

/** A layer's pass as JSON files have it. */
export function layerJson({ leastBytes, flop, ms, ...layer }: LayerTime) {
  return { ...layer, ms, flop, gflop_per_s: flop / ms / 1e6, least_bytes: leastBytes }
}
