/** Where a scenario runs: a folder, the packed package, tools from npm, and a clean environment. */
import { type ExecFileSyncOptionsWithStringEncoding, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { endOf } from './ended.ts'
import type { Ended, Place, RunOptions } from './scenario.ts'

export const root = resolve(import.meta.dirname, '../..')
const tools = join(root, 'build/systems')

/** Packs the package, with a prebuilt addon that is made where it is stale. */
export function pack(): string {
  const folder = join(root, 'build/packed')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const options: ExecFileSyncOptionsWithStringEncoding = {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 2]
  }
  execFileSync(process.execPath, ['scripts/prebuilds.cjs', '--if-stale'], options)
  const out = execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], options)
  return join(folder, out.trim().split('\n').at(-1) ?? '')
}

/** A package of npm's in a folder of its own, kept in build/. */
export async function tool(
  name: string,
  version: string,
  overrides: Readonly<Record<string, string>> = {}
): Promise<string> {
  const kept = join(tools, `${name.replaceAll('/', '+')}@${version}`)
  const folder = join(kept, 'node_modules', name)
  if (existsSync(folder)) return folder
  mkdirSync(tools, { recursive: true })
  const making = mkdtempSync(`${kept}-`)
  writeFileSync(join(making, 'package.json'), JSON.stringify({ private: true, overrides }))
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--silent']
  const { code, err } = await run('npm', ['install', `${name}@${version}`, ...flags], {
    cwd: making
  })
  if (code !== 0) {
    rmSync(making, { recursive: true, force: true })
    throw new Error(`npm could not install ${name}@${version}: ${err}`)
  }
  renameSync(making, kept)
  return folder
}

/** The binary of a version of Node, from npm's package of it. */
export async function nodeBinary(version: string | undefined): Promise<string> {
  if (version === undefined || version === process.versions.node) return process.execPath
  return join(await tool(`node-linux-${process.arch}`, version), 'bin/node')
}

const kept =
  /^(HOME|LANG|TERM|TMPDIR|USER|ALEXNODE_DATA|(https?|no)_proxy|SSL_CERT_\w+|NODE_EXTRA_CA_CERTS)$/i

export function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {}
): Promise<Ended> {
  const { cwd, input = '', timeout = 300_000 } = options
  const outer = Object.entries(process.env).filter(([name]) => kept.test(name))
  const env = { ...Object.fromEntries(outer), PATH: process.env.PATH, CI: 'true', ...options.env }
  // A group of its own: what the program has started ends with it.
  const child = spawn(program, args, { cwd, env, detached: true })
  const end = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {} // all of it has ended
  }
  const late = setTimeout(end, timeout)
  process.once('exit', end)
  child.stdin.on('error', () => {}) // it may have ended without reading
  child.stdin.end(input)
  return endOf(child).finally(() => {
    clearTimeout(late)
    process.off('exit', end)
  })
}

/** Runs `body` in a place of its own. */
export async function inPlace(
  tarball: string,
  version: string | undefined,
  body: (place: Place) => Promise<void>
): Promise<void> {
  const node = await nodeBinary(version)
  const folder = mkdtempSync(join(tmpdir(), 'alexnode-systems-'))
  const runHere = (program: string, args: readonly string[], options: RunOptions = {}) => {
    const PATH = `${options.env?.PATH ?? `${dirname(node)}:${process.env.PATH}`}`
    return run(program, args, { cwd: folder, ...options, env: { ...options.env, PATH } })
  }
  try {
    await body({
      folder,
      tarball,
      node,
      tool,
      run: runHere,
      async ok(program, args, options) {
        const ended = await runHere(program, args, options)
        if (ended.code === 0) return ended
        const said = `${ended.out}\n${ended.err}`.trim().slice(-4000)
        throw new Error(`${program} ${args.join(' ')} ended with ${ended.code}:\n${said}`)
      }
    })
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}
