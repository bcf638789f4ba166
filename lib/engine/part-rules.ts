/** What the parts of a device must be, for functions of streams that take them. */
import { dtypes } from '../native/dtype.ts'
import type { Spec } from '../native/op-info.ts'
import {
  dictionary,
  instance,
  list,
  maybe,
  oneOf,
  type Rule,
  record,
  rule,
  text,
  typed
} from '../util/check/rules.ts'
import { Event } from './event.ts'
import { Tensor } from './memory.ts'
import { Op } from './op.ts'

export const aTensor: Rule = instance(Tensor, 'a tensor of a buffer')

export const anOp: Rule = instance(Op, 'an op that prepare made')

export const anEvent: Rule = instance(Event, 'an event of a device')

/** Elements of any dtype. */
export const elementsRule: Rule = typed(
  'Float32Array',
  'Uint16Array',
  'Uint8Array',
  'Int32Array',
  'Uint32Array'
)

/** Tensors by slot; those that are undefined are left out. */
export const tensorsRule: Rule = dictionary(leftOut(aTensor))

/** Fields by name: each op says which numbers it takes. */
export const fieldsRule: Rule = dictionary(
  rule('a number, true or false, or a list of numbers', (value) => {
    if (Array.isArray(value)) return value.every((one) => typeof one === 'number')
    return value === undefined || typeof value === 'number' || typeof value === 'boolean'
  })
)

/** Tensors that have no memory yet, by slot. Each op says which shapes it takes. */
export const specsRule: Rule = dictionary(
  leftOut(
    record<Spec>(
      {
        shape: maybe(list(rule('a number', (value) => typeof value === 'number'))),
        dtype: maybe(oneOf(...dtypes)),
        layout: maybe(text)
      },
      // Tensors and settled specs say more than that.
      { open: true }
    )
  )
)

/** A rule of what may be undefined in a dictionary. */
function leftOut(of: Rule): Rule {
  return { ...of, fault: (value) => (value === undefined ? undefined : of.fault(value)) }
}
