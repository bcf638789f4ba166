import { type Rule, record, whole } from '../util/check/rules.ts'
import type { InputShape } from './spec.ts'

/** What the size of an input image must be. */
export const inputRule: Rule = record<InputShape>(
  { channels: whole({ from: 1 }), height: whole({ from: 1 }), width: whole({ from: 1 }) },
  { expected: 'an object such as { channels: 3, height: 227, width: 227 }' }
)
