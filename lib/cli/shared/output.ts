/** What commands write to stdout and stderr. Nothing foreign in it can command the terminal. */
import { harmless, harmlessJson } from '../../util/foreign.ts'

/** Writes text and a line end. */
export function print(text: string): void {
  process.stdout.write(`${harmless(text)}\n`)
}

/** Writes text and a line end to stderr. */
export function complain(text: string): void {
  process.stderr.write(`${harmless(text)}\n`)
}

/** Writes one JSON object as a line: the output of `--json`. */
export function printJson(object: object): void {
  process.stdout.write(`${harmlessJson(JSON.stringify(object))}\n`)
}
