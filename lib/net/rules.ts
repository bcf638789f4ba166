/** What nets and their parts must be, for functions that take them. */
import { instance, type Rule } from '../util/check/rules.ts'
import { NetDefinition } from './definition.ts'
import { Net } from './net.ts'

export const aNet: Rule = instance(Net, 'a net that build() made')

export const aDefinition: Rule = instance(
  NetDefinition,
  'a definition, as defineNet() or alexnet() returns it'
)
