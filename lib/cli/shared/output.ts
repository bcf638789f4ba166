/** What commands write to stdout. */

/** Writes text and a line end. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Writes one JSON object as a line: the output of `--json`. */
export function printJson(object: object): void {
  print(JSON.stringify(object))
}
