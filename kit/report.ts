/** The report of a kit's run: one JSON file and one for people, written anew as it grows. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Line } from './child.ts'

export type Status = 'running' | 'passed' | 'failed' | 'skipped'

export interface StageReport {
  readonly name: string
  status: Status
  seconds: number
  /** What passed; for people only how many. */
  passed: number
  readonly skipped: string[]
  readonly failed: string[]
  /** Figures worth a line each. */
  readonly figures: Line[]
}

export interface Report {
  /** YYYY-MM-DD. */
  readonly date: string
  /** The first GPU, or `cpu` where there is none. */
  gpu: string
  /** What the machine is, by name: driver, libraries, CPU, PyTorch. */
  readonly machine: Record<string, string>
  readonly stages: StageReport[]
}

/** Where a report lies: DATE-GPU in the folder, with `.json` and `.md`. */
export function reportPath(folder: string, { date, gpu }: Report): string {
  const slug = gpu
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
  return join(folder, `${date}-${slug}`)
}

export function writeReport(folder: string, report: Report): void {
  mkdirSync(folder, { recursive: true })
  const path = reportPath(folder, report)
  write(`${path}.json`, `${JSON.stringify(report, null, 2)}\n`)
  write(`${path}.md`, markdown(report))
}

/** Whole or not at all: whoever reads it while it grows finds one that ends. */
function write(path: string, text: string): void {
  writeFileSync(`${path}.new`, text)
  renameSync(`${path}.new`, path)
}

function markdown({ date, gpu, machine, stages }: Report): string {
  const facts = Object.entries(machine).map(([name, value]) => `| ${name} | ${value} |`)
  const parts = stages.map((stage) => {
    const { name, status, seconds, passed, skipped, failed, figures } = stage
    const counts = `${passed} passed, ${failed.length} failed, ${skipped.length} skipped`
    return [
      `## ${name}: ${status}`,
      `${counts}, in ${seconds.toFixed(0)} s.`,
      table(figures),
      list('Failed', failed),
      list('Skipped', grouped(skipped))
    ]
      .filter(Boolean)
      .join('\n\n')
  })
  const head = ['| what | which |', '| --- | --- |', ...facts].join('\n')
  return `${[`# ${gpu}, ${date}`, head, ...parts].join('\n\n')}\n`
}

function table(rows: readonly Line[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  if (columns.length === 0) return ''
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const body = rows.map((line) => row(columns.map((column) => cell(line[column]))))
  return [row(columns), row(columns.map(() => '---')), ...body].join('\n')
}

function cell(value: unknown): string {
  if (typeof value !== 'number') return String(value ?? '')
  return Math.abs(value) < 0.01 && value !== 0 ? value.toExponential(1) : value.toFixed(2)
}

function list(title: string, items: readonly string[]): string {
  return items.length === 0 ? '' : `${title}:\n\n${items.map((item) => `- ${item}`).join('\n')}`
}

/** Equal ones once, with how often. */
function grouped(items: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1)
  return [...counts].map(([item, times]) => (times > 1 ? `${item} (${times} times)` : item))
}
