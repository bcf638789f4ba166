/** Draws cases: rows of the table of op cases with a few changes, and calls of the addon with arguments of any kind. */

import { opTable } from '../../../lib/native/binding.ts'
import { dtypes } from '../../../lib/native/dtype.ts'
import type { OpCase } from '../../../lib/selftest/case.ts'
import { opCases } from '../../../lib/selftest/cases.ts'
import type { Case, CaseSpec, OpCall, Value } from './case.ts'
import { Dice } from './dice.ts'
import { drawCalls } from './draw-calls.ts'

const NUMBERS: readonly Value[] = [
  ...[0, 1, 2, 3, 5, 7, 8, 16, 63, 255, 256, 257, 4095, 65535, 65536, 2 ** 20, 2 ** 20 + 1],
  ...[2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 40, 2 ** 40 + 1, 2 ** 53 - 1],
  ...[-1, -2, -255, -(2 ** 31), -(2 ** 53) + 1, 0.5, -0.5, 1e-30, 1e30, 1e300],
  ...['NaN', 'Infinity', '-Infinity']
]
const WRONG: readonly Value[] = ['text', null, true, false, [], [1], [1, 2, 3, 4, 5]]
const LAYOUTS = [
  ...['any', 'a', 'ab', 'ba', 'abc', 'abcd', 'acdb', 'cdba', 'abcde', 'aBcd8b', 'aBcd16b'],
  ...['Abcd8a', 'ABcd16b16a', 'ABcd8a8b', 'aBcd4096b', 'aBcd2b2b2b2b', 'aBcd2b2b2b2b2b', 'aBcd3b'],
  ...['winograd5x3s1p32', 'winograd2x3s1p8', 'winograd4096x4096s4096p4096', 'winograd5x3s2p32'],
  ...['', 'A', 'aBcd', 'abcd8b', 'aBcd0b', 'aBcd1b', 'aBcd99999999999b', 'ABCDEFGHIJKLMNOP', 'ä']
]

/** A case of this seed and number: always the same. */
export function draw(seed: number, number: number): Case {
  const dice = new Dice(seed, number)
  return dice.below(4) === 0 ? drawCalls(dice) : drawOp(dice)
}

function drawOp(dice: Dice): OpCall {
  const row = dice.of(opCases)
  const info = opTable.get(row.op)
  const slots = info?.slots ?? []
  let call: OpCall = {
    kind: 'op',
    op: row.op,
    fields: { ...row.fields } as OpCall['fields'],
    specs: slots.map(({ name }) => specOf(row, name)),
    shifts: [],
    bytes: dice.below(2 ** 31)
  }
  for (let left = dice.of([0, 1, 1, 1, 2, 2, 3]); left > 0; left--) {
    call = changed(dice, call, Object.keys(info?.fields ?? {}))
  }
  return call
}

function specOf(row: OpCase, name: string): CaseSpec | null {
  const slot = row.outputs[name] ?? row.inputs[name]
  return slot ? { shape: slot.shape, dtype: slot.dtype, layout: slot.layout } : null
}

/** The call with one change. */
function changed(dice: Dice, call: OpCall, fields: readonly string[]): OpCall {
  const what = dice.below(8)
  if (what < 3 && fields.length > 0) {
    const name = dice.below(50) === 0 ? 'unknown' : dice.of(fields)
    return { ...call, fields: { ...call.fields, [name]: drawField(dice, call.fields[name]) } }
  }
  if (what === 7) {
    const shifts = [...call.specs, null].map(() => 0)
    shifts[dice.below(shifts.length)] = dice.of([1, 2, 4, 8, 32, 64, -4, -64, 2 ** 40, 0.5])
    return { ...call, shifts }
  }
  const at = dice.below(call.specs.length)
  return { ...call, specs: call.specs.map((spec, i) => (i === at ? drawSpec(dice, spec) : spec)) }
}

function drawField(dice: Dice, old: Value | undefined): Value {
  if (dice.below(20) === 0) return dice.of(WRONG)
  if ((Array.isArray(old) && old.length > 0) || dice.below(3) === 0) {
    const list: Value[] =
      Array.isArray(old) && old.length > 0 ? [...old] : [1, 1, 1, 1].slice(0, dice.of([2, 4]))
    list[dice.below(list.length)] = dice.of(NUMBERS)
    return list
  }
  return typeof old === 'boolean' ? !old : dice.of(NUMBERS)
}

function drawSpec(dice: Dice, old: CaseSpec | null): CaseSpec | null {
  if (!old || dice.below(12) === 0) return old ? null : { shape: [1] }
  const shape = [...(old.shape ?? [])]
  switch (dice.below(5)) {
    case 0:
      return { ...old, layout: dice.of(LAYOUTS) }
    case 1:
      return { ...old, dtype: dice.of(dtypes) }
    case 2:
      if (dice.below(2) === 0) shape.splice(dice.below(shape.length + 1), dice.below(2), 1)
      else shape.pop()
      return { ...old, shape }
    case 3:
      return { ...old, shape: shape.length > 0 ? [] : [1] }
    default:
      shape[dice.below(Math.max(shape.length, 1))] = dice.of(NUMBERS)
      return { ...old, shape }
  }
}
