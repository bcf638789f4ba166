/** What a run of NVIDIA's compute-sanitizer over the table of op cases says. */

/** How it ended. */
export interface Sanitized {
  /** Null where it was ended, or could not be started. */
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
  /** Why it was ended, or could not be started. */
  readonly error?: Error | undefined
}

/** A line for the report, less its name: a check that passed unless it has `failed` or `skipped`. */
export interface Verdict {
  readonly rows?: number
  readonly summary?: string
  readonly skipped?: string
  readonly failed?: string
}

export function readSanitized({ status, stdout, stderr, error }: Sanitized): Verdict {
  const lines = `${stdout}\n${stderr}`.split('\n')
  const said = lines.filter((line) => line.startsWith('========='))
  const errors = said.filter((line) => /Invalid|Misaligned|hazard|Error:|Warning:/.test(line))
  const summary = said.at(-1)?.replace(/^=+ /, '') ?? ''
  const rows = lines.filter((line) => /^\{.*"status":"passed"/.test(line)).length
  if (errors.length === 0 && status !== 0) {
    if (/not supported|Unable to|Failed to initialize/i.test(said.join('\n')))
      return { skipped: `it refuses the device: ${summary}` }
    // With time for a part of the table, that part has been looked at.
    if (error && rows > 0) return { rows, summary: `the first ${rows} rows: ${error.message}` }
    if (error) return { skipped: `it did not end: ${error.message}` }
  }
  if (status === 0) return { rows, summary }
  const how = error?.message ?? `exit code ${status}`
  return { rows, failed: [how, summary, ...errors.slice(0, 5)].join('; ') }
}
