import type { Program } from '../../engine/program.ts'
import { type BoundCall, bindCall, type Tape } from '../../net/graph/tape.ts'
import type { Value } from '../../net/graph/value.ts'
import type { Net } from '../../net/net.ts'
import { asVector } from '../../net/placement/replica-sync.ts'
import { createTapes } from '../../net/placement/tapes.ts'

/**
 * Tells whether all of a net's weights and what an optimizer keeps are finite. It looks on the devices, by a recorded
 * program, and takes no memory there: it borrows the flags of the gradients.
 */
export class FiniteCheck {
  readonly #net: Net
  readonly #tapes: readonly Tape[]
  readonly #program: Program

  private constructor(net: Net, tapes: readonly Tape[], calls: readonly BoundCall[]) {
    this.#net = net
    this.#tapes = tapes
    this.#program = net.record(calls)
  }

  /** @param kept f32: what is looked at besides the net's weights */
  static async create(net: Net, kept: readonly Value[]): Promise<FiniteCheck> {
    const tapes = createTapes(net.placement)
    const masters = net.parameters.all.map(({ master }) => master)
    for (const value of [...masters, ...kept]) {
      const ok = net.parameters.ok(value.part)
      tapes[value.part]?.at(value.layer, 'update')
      await tapes[value.part]?.call('finite', {}, { ok, x: asVector(value) })
    }
    return new FiniteCheck(net, tapes, (tapes[0]?.calls ?? []).map(bindCall))
  }

  /** Looks. No step may be in flight. */
  async passes(): Promise<boolean> {
    const flags = this.#net.placement.parts.map(({ index, stream }) => {
      return { stream, flag: this.#net.parameters.ok(index).place }
    })
    const read = () => Promise.all(flags.map(({ stream, flag }) => stream.read(flag)))
    const before = await read()
    for (const { stream, flag } of flags) stream.write(flag, Int32Array.of(1))
    await this.#program.run()
    const found = await read()
    for (const [i, { stream, flag }] of flags.entries()) {
      stream.write(flag, Int32Array.of(before[i]?.[0] ?? 1))
    }
    return found.every(([finite]) => finite === 1)
  }

  close(): void {
    this.#program.close()
    for (const tape of this.#tapes) tape.close()
  }
}

/** The first tensor with a value that is not finite, and its place in it; undefined: all are finite. */
export function firstNotFinite(
  tensors: Iterable<readonly [string, { readonly data: Float32Array }]>
): { readonly name: string; readonly value: number } | undefined {
  for (const [name, { data }] of tensors) {
    const value = data.find((one) => !Number.isFinite(one))
    if (value !== undefined) return { name, value }
  }
  return undefined
}
