/**
 * Defines `Symbol.dispose` and `Symbol.asyncDispose` in realms that lack them. Node 20 and 22 define them in their
 * main realm alone, and test runners make others by node:vm. The symbols are those of Node's own classes, so that
 * `using` accepts Node's objects, too.
 */
import { ChildProcess } from 'node:child_process'
import { Readable } from 'node:stream'

function define(name: 'dispose' | 'asyncDispose', { prototype }: { prototype: object }): void {
  if (Symbol[name] !== undefined) return
  const symbols = Object.getOwnPropertySymbols(prototype)
  const ofNode = symbols.find(({ description }) => description === `nodejs.${name}`)
  Object.defineProperty(Symbol, name, { value: ofNode ?? Symbol(`Symbol.${name}`) })
}

define('dispose', ChildProcess)
define('asyncDispose', Readable)
