/** Tests devices: every row of the table of op cases, and whole nets. */
import { type Device, open } from '../engine/device.ts'
import type { Stream } from '../engine/stream.ts'
import { opTable } from '../native/binding.ts'
import type { FloatDType } from '../native/dtype.ts'
import type { OpCase } from './case.ts'
import { opCases } from './cases.ts'
import { lossDifference, netLosses, testedNets } from './nets.ts'
import { againstReference, type CaseResult, type Measure, runCase, worstOf } from './run.ts'
import { isSpoilt } from './spoilt.ts'

export interface SelftestOptions {
  /** The devices to test; the others are compared with the first. Default: `cpu`. */
  readonly devices?: readonly string[]
  /** Test only this op, and no nets. */
  readonly op?: string
  /** Test only rows with finite differences, and no nets. */
  readonly grad?: boolean
  /** Test ten steps of each net. Default true. */
  readonly nets?: boolean
  /** CPU threads. Default: one per core. */
  readonly threads?: number
  /** See `open`; widens the tolerance of f32 matrix products. Default false. */
  readonly tf32?: boolean
  /** See `open`. Default false. */
  readonly deterministic?: boolean
  /** See `open`; rows that cuDNN has no implementation for use our kernels. Default false. */
  readonly cudnn?: boolean
}

/** The result of a row on a device, of a row on two devices, or of a net. */
export interface SelftestResult extends Pick<CaseResult, 'status' | 'reasons' | 'worst'> {
  readonly kind: 'op' | 'devices' | 'net'
  /** `cpu`, or `cpu:1 against cpu` if two are compared. */
  readonly device: string
  /** Name of the row or net; with `device` it is unique. */
  readonly name: string
}

/**
 * Tests devices and yields each result. Compares rows with a naive reference and with finite differences, recorded
 * runs with eager runs, and each device with the first.
 *
 * @throws Error for an unknown op or a device that is not there
 *
 * @example
 * for await (const { name, status } of selftest({ op: 'lrn' })) console.log(status, name)
 */
export async function* selftest(options: SelftestOptions = {}): AsyncGenerator<SelftestResult> {
  const { devices: names = ['cpu'], op, grad = false, nets = true } = options
  const { threads, tf32 = false, deterministic = false, cudnn = false } = options
  const opening = { tf32, deterministic, cudnn, ...(threads !== undefined && { threads }) }
  if (op !== undefined && !opTable.has(op)) {
    const known = [...opTable.keys()].join(', ')
    throw new Error(`[selftest] there is no op '${op}': expected one of ${known}`)
  }
  const rows = opCases.filter(
    (row) => (op === undefined || row.op === op) && (!grad || row.forward?.differences)
  )
  const devices: Device[] = []
  try {
    for (const name of names) {
      devices.push(await open(name, opening))
    }
    const streams = devices.map((device) => device.stream())
    for (const row of rows) yield* testRow(row, streams)
    if (nets && op === undefined && !grad)
      for (const net of testedNets) yield* testNet(net, devices)
  } finally {
    for (const device of devices.reverse()) await device.close()
  }
}

async function* testRow(row: OpCase, streams: readonly Stream[]): AsyncGenerator<SelftestResult> {
  let first: CaseResult | undefined
  for (const stream of streams) {
    const { name: device } = stream.device
    const result = await runCase(stream, row)
    const { status, reasons, worst } = result
    yield { kind: 'op', device, name: row.name, status, reasons, ...(worst && { worst }) }
    // How far a NaN spreads within sums differs.
    if (first?.outputs && result.outputs && !isSpoilt(row)) {
      // Both devices may be off by the tolerance.
      const found = againstReference(result.outputs, first.outputs, row, stream.device, 2)
      const wrong = found.flatMap(({ reason }) => reason ?? [])
      const pair = `${device} against ${streams[0]?.device.name}`
      yield verdict('devices', pair, row.name, worstOf(found), wrong)
    }
    first ??= result
  }
}

const halves = ['bf16', 'f16'] as const

async function* testNet(net: string, devices: readonly Device[]): AsyncGenerator<SelftestResult> {
  const [first, ...others] = devices
  if (!first) return
  const expected = await netLosses(first, { net, dtype: 'f32', fuse: true })
  const compareNet = async function* (
    device: Device,
    dtype: FloatDType,
    fuse: boolean,
    what: string
  ): AsyncGenerator<SelftestResult> {
    const name = `${net}, ten steps, ${what}`
    try {
      device.requireDType(dtype)
    } catch (error) {
      const reasons = [error instanceof Error ? error.message : String(error)]
      yield { kind: 'net', device: device.name, name, status: 'skipped', reasons }
      return
    }
    const losses = await netLosses(device, { net, dtype, fuse })
    const worst = lossDifference(losses, expected, dtype)
    const wrong = worst.error > worst.bound ? [`losses ${losses}, expected ${expected}`] : []
    yield verdict('net', device.name, name, worst, wrong)
  }
  yield* compareNet(first, 'f32', false, 'unfused against fused')
  for (const half of halves) yield* compareNet(first, half, true, `${half} against f32`)
  for (const device of others) {
    yield* compareNet(device, 'f32', true, `against ${first.name}`)
    for (const half of halves) {
      yield* compareNet(device, half, true, `${half} against f32 on ${first.name}`)
    }
  }
}

function verdict(
  kind: SelftestResult['kind'],
  device: string,
  name: string,
  worst: Measure,
  reasons: readonly string[]
): SelftestResult {
  return { kind, device, name, status: reasons.length > 0 ? 'failed' : 'passed', reasons, worst }
}
