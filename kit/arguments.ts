/** What the parts of the kit are told: `--brief`, `--device cuda:0`, and `--double` where that is no real GPU. */
import { parseArgs } from 'node:util'

export interface PartArguments {
  readonly brief: boolean
  /** Default 'cpu'. */
  readonly device: string
  /** A double of CUDA's libraries computes: small sizes, and no figure says anything of a GPU. */
  readonly double: boolean
  readonly rest: readonly string[]
}

export function partArguments(): PartArguments {
  const options = {
    brief: { type: 'boolean', default: false },
    device: { type: 'string', default: 'cpu' },
    double: { type: 'boolean', default: false }
  } as const
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  return { ...values, rest: positionals }
}

/** Prints a line for the report: a check that passed, unless it has `failed` or `skipped`. */
export function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
