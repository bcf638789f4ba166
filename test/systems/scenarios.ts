/** All that `npm run test:systems` tries, in its order. */
import { scenarios as bundlers } from './bundlers.ts'
import { scenarios as managers } from './managers.ts'
import { scenarios as musl } from './musl.ts'
import { scenarios as node } from './node.ts'
import { scenarios as runners } from './runners.ts'
import { scenarios as runtimes } from './runtimes.ts'
import type { Scenario } from './scenario.ts'
import { scenarios as typescript } from './typescript.ts'

export const scenarios: readonly Scenario[] = [
  ...node,
  ...managers,
  ...bundlers,
  ...runtimes,
  ...runners,
  ...typescript,
  ...musl
]
