/**
 * Node 20 and 22 bring `Symbol.dispose` and `Symbol.asyncDispose` to their own realm alone. In another one, as test
 * runners make by node:vm, `using` would find none. They are given the symbols of Node's own classes there, so that
 * `using` knows Node's objects, too.
 */
import { ChildProcess } from 'node:child_process'
import { Readable } from 'node:stream'

function bring(name: 'dispose' | 'asyncDispose', { prototype }: { prototype: object }): void {
  if (Symbol[name] !== undefined) return
  const symbols = Object.getOwnPropertySymbols(prototype)
  const ofNode = symbols.find(({ description }) => description === `nodejs.${name}`)
  Object.defineProperty(Symbol, name, { value: ofNode ?? Symbol(`Symbol.${name}`) })
}

bring('dispose', ChildProcess)
bring('asyncDispose', Readable)
