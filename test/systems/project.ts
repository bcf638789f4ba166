/** A user's project, with the packed package in it. */
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Place } from './scenario.ts'

export const programs = join(import.meta.dirname, 'programs')

/** Installs the package, and what else is named, with npm; where there are programs of ours, they are copied there. */
export async function install(place: Place, ...others: readonly string[]): Promise<void> {
  write(place, 'package.json', { name: 'users-project', private: true })
  const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--silent']
  await place.ok('npm', ['install', place.tarball, ...others, ...flags])
  cpSync(programs, place.folder, { recursive: true })
}

/** Puts a tool that was installed once for all scenarios into the project's node_modules. */
export async function add(place: Place, name: string, version: string): Promise<string> {
  const folder = await place.tool(name, version)
  const link = join(place.folder, 'node_modules', name)
  mkdirSync(dirname(link), { recursive: true })
  symlinkSync(folder, link)
  return folder
}

/** Writes a file of the project: text as it is, all else as JSON. */
export function write(place: Place, file: string, content: string | object): void {
  const path = join(place.folder, file)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content, null, 2))
}

/** @throws where `out` does not end with what a program of two steps prints */
export function trained(out: string): readonly number[] {
  const { losses } = lastObject(out)
  const numbers = Array.isArray(losses) ? losses.filter(Number.isFinite) : []
  if (numbers.length !== 2) throw new Error(`expected two losses, got: ${out.slice(-2000)}`)
  return numbers
}

/** The last line of `out` that is a JSON object. */
export function lastObject(out: string): Readonly<Record<string, unknown>> {
  const line = out.split('\n').findLast((line) => line.startsWith('{'))
  if (line === undefined) throw new Error(`expected a JSON object, got: ${out.slice(-2000)}`)
  return JSON.parse(line)
}
