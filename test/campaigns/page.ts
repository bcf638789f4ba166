/** The table of docs/trust.md: the last result of each campaign, from test/campaigns/kept/. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const kept = join(import.meta.dirname, 'kept')
const page = join(import.meta.dirname, '../../docs/trust.md')

/** What makes each file of test/campaigns/kept/, in the order of the page, and what it does. */
const campaigns: Readonly<Record<string, { readonly command: string; readonly does: string }>> = {
  readers: {
    command: 'npm run fuzz -- readers',
    does: 'gives mutated files to every reader'
  },
  boundary: {
    command: 'npm run fuzz -- boundary',
    does: 'calls `alexnode/engine` with values out of bounds, in child processes'
  },
  'boundary-cuda': {
    command: 'npm run fuzz -- boundary-cuda',
    does: 'does the same on GPUs of the double of CUDA'
  },
  nets: {
    command: 'npm run fuzz -- nets',
    does: 'compares random nets with PyTorch in double precision'
  },
  sanitize: {
    command: 'npm run sanitize',
    does: 'runs native code under the sanitizers of memory, arithmetic and threads'
  },
  chaos: {
    command: 'npm run chaos',
    does: 'kills runs at any moment, fills disks, sets clocks back, sends signals'
  }
}

/** A result, or a part of one. */
interface Result {
  /** The day, as 2026-11-30. */
  readonly date: string
  readonly cases: number
  /** What failed. */
  readonly failed: readonly unknown[]
  /** Stages that were not run. */
  readonly notRun?: number
}

type Fields = Readonly<Record<string, unknown>>

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function resultOf(value: Fields): Result | undefined {
  const { date, cases, stages } = value
  if (typeof date === 'string' && Array.isArray(stages)) {
    // Of a campaign of stages, those that were run are its cases.
    const run = stages.filter((stage) => isFields(stage) && stage.status !== 'not run')
    const failed = run.filter((stage) => stage.status !== 'passed')
    return { date, cases: run.length, failed, notRun: stages.length - run.length }
  }
  const failed = value.failed ?? value.failures
  if (typeof date !== 'string' || typeof cases !== 'number' || !Array.isArray(failed)) return
  return { date, cases, failed }
}

/** The rows of a file: it is a result, has stages, or has results by name. */
function rowsOf(name: string, command: string, value: unknown): string[] {
  const row = (part: string, { date, cases, failed, notRun = 0 }: Result) => {
    const count = cases.toLocaleString('en') + (notRun > 0 ? ` stages, ${notRun} not run` : '')
    return `| \`${command}\`${part} | ${count} | ${failed.length} | ${date} |`
  }
  if (!isFields(value)) throw new Error(`[trust] ${name}: expected an object of results`)
  const whole = resultOf(value)
  if (whole) return [row('', whole)]
  return Object.entries(value).map(([part, one]) => {
    const result = isFields(one) ? resultOf(one) : undefined
    if (result) return row(`: ${part}`, result)
    throw new Error(
      `[trust] ${name}, ${part}: expected date, cases and failed, got ${JSON.stringify(one)}`
    )
  })
}

/** The table, and what its commands do, without those that kept nothing yet. */
export function table(folder = kept): string {
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'))
  const unknown = files.filter((name) => !Object.hasOwn(campaigns, name.replace('.json', '')))
  if (unknown.length > 0) throw new Error(`[trust] no command is known for ${unknown.join(', ')}`)
  const known = Object.entries(campaigns).filter(([name]) => files.includes(`${name}.json`))
  const rows = known.flatMap(([name, { command }]) => {
    const value: unknown = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'))
    return rowsOf(`${name}.json`, command, value)
  })
  const head = ['| command | cases | failed | date |', '| --- | ---: | ---: | --- |']
  const list = known.map(([, { command, does }]) => `- \`${command}\`\n  ${does}.`)
  return [...head, ...rows, '', ...list].join('\n')
}

const BEGIN = '<!-- from test/campaigns/kept/ -->\n'
const END = '\n<!-- end -->'

/** The page with the table in its place. */
export function withTable(text: string, made: string): string {
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (from < 0 || to < from) throw new Error(`[trust] expected ${BEGIN.trim()} … ${END.trim()}`)
  return text.slice(0, from + BEGIN.length) + made + text.slice(to)
}

/** Writes the table into docs/trust.md. */
export function writePage(): void {
  writeFileSync(page, withTable(readFileSync(page, 'utf8'), table()))
}
