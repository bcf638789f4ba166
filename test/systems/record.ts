/** The results that docs/systems.md shows, kept in docs/systems.json: the last one of each line. */
import { readFileSync, writeFileSync } from 'node:fs'
import { arch } from 'node:os'
import { join } from 'node:path'
import { root } from './place.ts'
import { groups, type Scenario } from './scenario.ts'

export interface Result {
  readonly group: Scenario['group']
  /** Such as `Debian 12, x64`. */
  readonly system: string
  readonly node: string
  readonly tool: string
  readonly what: string
  /** True, or what was seen instead. */
  readonly passed: true | string
  /** The day it was run, as 2026-11-30. */
  readonly date: string
  readonly seconds: number
}

const json = join(root, 'docs/systems.json')
const page = join(root, 'docs/systems.md')

/** The system that this process runs on. */
export function thisSystem(): string {
  let name = process.platform as string
  try {
    const release = readFileSync('/etc/os-release', 'utf8')
    const field = (key: string) => new RegExp(`^${key}="?([^"\n]*)`, 'm').exec(release)?.[1] ?? ''
    const id = field('ID')
    name = `${id.charAt(0).toUpperCase()}${id.slice(1)} ${field('VERSION_ID')}`.trim()
  } catch {} // not Linux
  return `${name}, ${arch()}`
}

export function results(): readonly Result[] {
  return JSON.parse(readFileSync(json, 'utf8'))
}

const line = ({ group, system, node, tool, what }: Result) =>
  JSON.stringify([group, system, node, tool, what])
/** What a newer result replaces: the same, by whatever minor version of Node and of the tool. */
const kind = ({ group, system, node, tool, what }: Result) =>
  JSON.stringify([group, system, major(node), tool.replaceAll(/\d[\d.]*/g, major), what])
const major = (version: string) => version.split('.')[0] ?? ''

/** `all` with a result in the place of an older one of the same kind. */
export function withResult(all: readonly Result[], result: Result): readonly Result[] {
  return [...all.filter((other) => kind(other) !== kind(result)), result]
}

/** Keeps a result, and writes the page anew. */
export function record(result: Result): void {
  const all = [...withResult(results(), result)]
  all.sort(
    (a, b) =>
      groups.indexOf(a.group) - groups.indexOf(b.group) ||
      line(a).localeCompare(line(b), 'en', { numeric: true })
  )
  writeFileSync(json, `${JSON.stringify(all, null, 2)}\n`)
  writeFileSync(page, asPage(all))
}

/** docs/systems.md. */
export function asPage(all: readonly Result[]): string {
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
  const tables = groups.flatMap((group) => {
    const rows = all.filter((result) => result.group === group)
    if (rows.length === 0) return []
    const lines = rows.map(({ system, node, tool, what, passed, date }) => {
      const seen = passed === true ? what : `FAILS: ${what}: ${passed.split('\n')[0]}`
      return `| ${[tool, `Node ${node}`, system, seen, date].map(cell).join(' | ')} |`
    })
    return [
      `## ${group}`,
      '',
      '| what | Node | system | holds | run on |',
      '|---|---|---|---|---|',
      ...lines,
      ''
    ]
  })
  return [
    '# Where alexnode was tried',
    '',
    'Made by `npm run test:systems`, `npm run test:debian` and `npm run test:arm64`',
    'from their results, which docs/systems.json keeps. A line is what a command ran,',
    'with the packed package or a fresh clone. What is not listed was not tried.',
    '',
    ...tables
  ].join('\n')
}
