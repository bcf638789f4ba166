/** Prepares an op as a case says and, if that is allowed and takes little memory, runs it once. */
import { native, opTable, settled } from '../../../lib/native/binding.ts'
import { LoadError } from '../../../lib/native/errors.ts'
import type { Fields, PreparedInfo, Spec } from '../../../lib/native/op-info.ts'
import { decoded, type OpCall } from './case.ts'
import { onCuda, write } from './device.ts'
import { Dice } from './dice.ts'

/** Tensors of more bytes than this are prepared only. */
const MOST_BYTES = onCuda ? 2 ** 18 : 2 ** 25
/** What lies behind a tensor, so that a write beyond its end is seen. */
const GUARD = new Uint8Array(64).fill(0xa5)
const NONE = new Map<string, number>()

/** Words of f32 that numbers are seldom: NaN, infinities, tiny, huge, and -1 as an integer. */
const ODD = [0x7fc00000, 0x7f800000, 0xff800000, 1, 0x7f7fffff, 0xffffffff, 0x80000000]

/** Bytes of one of three kinds: numbers near 1, some odd ones among them, or anything. */
function drawBytes(dice: Dice, count: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(count / 4))
  const kind = dice.below(3)
  for (let i = 0; i < words.length; i++) {
    const word = i < 4096 ? dice.below(2 ** 32) : words[i % 4096]!
    const near = 0x3f000000 + (word & 0x80ffffff)
    words[i] = kind === 0 ? word : kind === 1 && word % 61 === 0 ? dice.of(ODD) : near
  }
  return new Uint8Array(words.buffer, 0, count)
}

/** @returns what is wrong; undefined for a refusal and for a run that stays in bounds */
export async function runOp(call: OpCall, device: number, stream: number) {
  const info = opTable.get(call.op)
  const fields = Object.entries(call.fields).map(([name, value]) => [name, decoded(value, NONE)])
  const specs = call.specs.map((spec) => {
    if (!spec) return undefined
    return { ...spec, ...(spec.shape && { shape: decoded(spec.shape, NONE) }) } as Spec
  })
  let op: PreparedInfo
  try {
    op = await settled((ticket) =>
      native.prepare(stream, ticket, call.op, Object.fromEntries(fields) as Fields, specs)
    )
  } catch (error) {
    return badWords(error)
  }
  const buffers: number[] = []
  try {
    return await run()
  } finally {
    native.closeOp(op.id)
    for (const buffer of buffers) native.closeBuffer(buffer)
  }

  async function run(): Promise<string | undefined> {
    const sizes = [...op.specs.map((spec) => spec?.bytes ?? 0), op.scratch]
    if (sizes.some((bytes) => !(bytes >= 0 && bytes <= MOST_BYTES))) return undefined
    const dice = new Dice(call.bytes, 0)
    const places = new Float64Array(2 * sizes.length)
    const before: (Uint8Array | undefined)[] = []
    for (const [i, bytes] of sizes.entries()) {
      if (bytes === 0) {
        before.push(undefined)
        continue
      }
      const data = drawBytes(dice, bytes)
      const buffer = native.openBuffer(device, bytes + GUARD.length, false)
      buffers.push(buffer)
      await write({ device, stream }, { buffer, offset: 0, data })
      await write({ device, stream }, { buffer, offset: bytes, data: GUARD })
      places.set([buffer, call.shifts[i] ?? 0], 2 * i)
      before.push(data)
    }
    try {
      native.run(stream, op.id, places)
      await settled((ticket) => native.synchronize(stream, ticket))
    } catch (error) {
      const words = badWords(error)
      if (words) return words
    }
    for (const [i, data] of before.entries()) {
      const buffer = places[2 * i] ?? 0
      if (!data || (call.shifts[i] ?? 0) !== 0) continue
      const all = await settled<ArrayBuffer>((ticket) =>
        native.read(stream, ticket, buffer, 0, data.length + GUARD.length)
      )
      const now = Buffer.from(all)
      const name = info?.slots[i]?.name ?? 'scratch'
      if (!now.subarray(data.length).equals(GUARD)) return `wrote behind ${name}`
      if (info?.slots[i]?.role === 'in' && !now.subarray(0, data.length).equals(data)) {
        return `wrote to its input ${name}`
      }
    }
    return undefined
  }
}

/** Errors must be the addon's own, with words for people. The reader of a set adds to those of an image. */
export function badWords(error: unknown): string | undefined {
  if (error instanceof LoadError) return undefined
  const words = error instanceof Error ? error.message : String(error)
  return /^\[[\w ]+\] ./.test(words) ? undefined : `the error has no words of ours: ${words}`
}
