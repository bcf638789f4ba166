/** Tables with borders, as text. */

export interface TableOptions {
  readonly head: readonly string[]
  readonly align: readonly ('left' | 'right')[]
  /** Columns that each takes, borders included. Default: what its text needs. */
  readonly widths?: readonly number[]
}

/** Draws a table. */
export async function tableText(
  { head, align, widths }: TableOptions,
  rows: readonly (readonly string[])[]
): Promise<string> {
  const { default: Table } = await import('cli-table3')
  const table = new Table({
    head: [...head],
    colAligns: [...align],
    ...(widths && { colWidths: [...widths] }),
    style: { head: [], border: [], compact: true }
  })
  for (const row of rows) table.push([...row])
  return table.toString()
}
