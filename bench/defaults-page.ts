/** The table of docs/defaults.md, from what bench/results/defaults.json keeps. */
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { TrainingDefaults } from '../lib/run/defaults.ts'
import type { CellResult } from './defaults-cell.ts'

/** A cell that was run, and by which defaults. */
export interface KeptCell extends CellResult {
  readonly defaults: TrainingDefaults
  readonly date: string
  readonly cpu: string
}

/** What bench/results/defaults.json holds: cells by name, net/set/batch. */
export interface Kept {
  readonly cells: Record<string, KeptCell>
}

export interface TableShape {
  readonly nets: readonly string[]
  readonly sets: readonly string[]
  readonly batches: readonly number[]
}

/** The table's place in the page. */
const [BEGIN, END] = ['<!-- table -->', '<!-- end of table -->']
/** The largest loss after step 5 that is fine, as a share of guessing's. */
export const HIGHEST = 2

/** True if a cell is as it should be. */
export function isGood({ blown, learns, largest }: CellResult): boolean {
  return !blown && learns !== null && largest <= HIGHEST
}

/** `60 · 1.08`: the step by which the loss is below guessing, and the largest loss after step 5. */
function cellText(cell: KeptCell | undefined): string {
  if (!cell) return 'not run'
  const { blown, learns, steps, largest } = cell
  if (blown) return `**NaN** at ${steps}`
  const text = `${learns ?? `**not in ${steps}**`} · ${largest.toFixed(2)}`
  return isGood(cell) ? text : `${text} ✗`
}

/** The table as Markdown. */
export function table({ cells }: Kept, { nets, sets, batches }: TableShape): string {
  const head = ['net', 'batch', ...sets]
  const rows = nets.flatMap((net) =>
    batches.map((batch) => [
      `\`${net}\``,
      `${batch}`,
      ...sets.map((set) => cellText(cells[`${net}/${set}/${batch}`]))
    ])
  )
  const line = (parts: readonly string[]) => `| ${parts.join(' | ')} |`
  return [head, head.map(() => '---'), ...rows].map(line).join('\n')
}

/** Puts the table into docs/defaults.md. */
export async function writePage(kept: Kept, shape: TableShape): Promise<void> {
  const file = fileURLToPath(new URL('../docs/defaults.md', import.meta.url))
  const page = await readFile(file, 'utf8')
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (before < 0 || after < before) throw new Error(`${file}: expected ${BEGIN} … ${END}`)
  const all = shape.nets.length * shape.sets.length * shape.batches.length
  const done = Object.values(kept.cells)
  const good = done.filter(isGood).length
  const said = `${done.length} of ${all} cells were run; ${good} are as they should be.`
  const inner = `${BEGIN}\n\n${said}\n\n${table(kept, shape)}\n\n${END}`
  await writeFile(file, page.slice(0, before) + inner + page.slice(after + END.length))
}
