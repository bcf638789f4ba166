/**
 * Runs a row of the table on a device. Compares the outputs with the reference and with finite differences, and the
 * recorded run with the eager run.
 */
import type { DeviceCore } from '../engine/core.ts'
import type { Op } from '../engine/op.ts'
import { record } from '../engine/program.ts'
import type { Stream } from '../engine/stream.ts'
import { floatDTypes } from '../native/dtype.ts'
import type { OpCase } from './case.ts'
import { compare } from './compare.ts'
import { agreements, finiteDifferences } from './gradient.ts'
import type { Dense } from './reference/index.ts'
import { Slab } from './slab.ts'
import { compareSpoilt, isSpoilt } from './spoilt.ts'
import { differenceTolerance, type Exactness, repeats, toleranceOf } from './tolerance.ts'
import { type CaseInputs, expectedOutputs, makeInputs } from './values.ts'

/** An error and its tolerance. */
export interface Measure {
  readonly error: number
  readonly bound: number
}

/** The result of a row. */
export interface CaseResult {
  readonly status: 'passed' | 'failed' | 'skipped'
  /** Why it failed or was skipped. */
  readonly reasons: readonly string[]
  /** Of the element whose error is nearest to its tolerance. */
  readonly worst?: Measure
  /** Name of the implementation. */
  readonly implementation?: string
  /** The op's outputs, row-major. */
  readonly outputs?: Readonly<Record<string, Dense>>
}

/** Runs a row on a stream's device. A row that the device has no implementation or dtype for is skipped. */
export async function runCase(stream: Stream, row: OpCase): Promise<CaseResult> {
  let op: Op
  try {
    op = await prepare(stream, row)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const missing = missingOf(stream.device, row, reason)
    return { status: missing ? 'skipped' : 'failed', reasons: [missing ?? reason] }
  }
  try {
    return await judge(stream, row, op)
  } finally {
    op.close()
  }
}

async function judge(stream: Stream, row: OpCase, op: Op): Promise<CaseResult> {
  const values = makeInputs(row)
  const exactness = stream.device
  using slab = new Slab(stream, row, op, values.inputs)
  const eager = await slab.run(() => slab.launch())
  using program = record([stream], () => slab.launch())
  const recorded = await slab.run(() => program.run())
  const outputs = slab.outputs(eager)
  const expected = expectedOutputs(row, values.inputs)
  const found = [
    ...againstReference(outputs, expected, row, exactness),
    ...againstDifferences(outputs, row, values, exactness)
  ]
  const again = () => againstReference(slab.outputs(recorded), expected, row, exactness)
  const differs = repeats(row, exactness)
    ? Buffer.compare(eager, recorded) !== 0
    : again().some(({ reason }) => reason)
  const reasons = [
    ...slab.strayWrites(eager),
    ...found.flatMap(({ reason }) => reason ?? []),
    ...(differs ? ['the recorded run differs from the eager one'] : [])
  ]
  const status = reasons.length > 0 ? 'failed' : 'passed'
  return { status, reasons, worst: worstOf(found), implementation: op.implementation, outputs }
}

function prepare(stream: Stream, row: OpCase): Promise<Op> {
  const specs = Object.entries({ ...row.outputs, ...row.inputs }).map(
    ([name, { shape, dtype, layout }]) => [name, { shape, dtype, layout }] as const
  )
  return stream.prepare(row.op, row.fields, Object.fromEntries(specs))
}

/** Why a row cannot run on a device: the backend has no such op, or the device no such dtype. */
function missingOf(device: DeviceCore, row: OpCase, reason: string): string | undefined {
  if (/no \w+ implementation/.test(reason)) return reason
  const used = new Set(Object.values({ ...row.outputs, ...row.inputs }).map(({ dtype }) => dtype))
  for (const dtype of floatDTypes) {
    if (!used.has(dtype)) continue
    try {
      device.requireDType(dtype)
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
  return undefined
}

/** One comparison of a row. */
interface Found extends Measure {
  readonly reason?: string
}

/** Compares each output with that of the reference or of another device; `factor` widens the tolerance. */
export function againstReference(
  outputs: Readonly<Record<string, Dense>>,
  expected: Readonly<Record<string, Dense>>,
  row: OpCase,
  exactness: Exactness,
  factor = 1
): Found[] {
  return Object.keys(row.outputs).map((name) => {
    const [a, b] = [outputs[name], expected[name]]
    if (!a || !b) return { error: Infinity, bound: 0, reason: `${name} is missing` }
    const { absolute, relative } = toleranceOf(row, name, exactness)
    const tolerance = { absolute: factor * absolute, relative: factor * relative }
    const found = isSpoilt(row) ? compareSpoilt(row, a, b, tolerance) : compare(a, b, tolerance)
    const { at, actual, expected: wanted, count, error, bound } = found
    if (count === 0) return { error, bound }
    const off = `${count} of ${b.data.length} are off`
    return { error, bound, reason: `${name}[${at}] is ${actual}, expected ${wanted}; ${off}` }
  })
}

/** Compares the outputs of a backward op with finite differences. */
function againstDifferences(
  outputs: Readonly<Record<string, Dense>>,
  row: OpCase,
  values: CaseInputs,
  exactness: Exactness
): Found[] {
  if (!row.forward?.differences) return []
  const tolerance = differenceTolerance(row, exactness)
  const all = agreements(finiteDifferences(row, values), outputs, tolerance)
  return all.map(({ output, index, value, actual, error, bound }) => {
    if (error <= bound) return { error, bound }
    const reason = `${output}[${index}] is ${actual}, and its finite difference ${value}`
    return { error, bound, reason }
  })
}

/** The measure whose error is nearest to its tolerance. */
export function worstOf(found: readonly Measure[]): Measure {
  const share = ({ error, bound }: Measure) => (error === 0 ? 0 : error / bound)
  const { error, bound } = found.reduce((a, b) => (share(b) > share(a) ? b : a), {
    error: 0,
    bound: found[0]?.bound ?? 0
  })
  return { error, bound }
}
