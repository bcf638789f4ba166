/**
 * A registry of npm's packages on this machine: it has the packed package, and an older version of it, as if they
 * were published; all else comes from the registry that npm is configured for.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { nodeBinary, root, run, tool } from './place.ts'
import { verdaccio, verdaccioNode, verdaccioOverrides } from './versions.ts'

/** The version of the older package. It has a file that the packed one has not. */
export const OLDER = '0.0.1'
export const OLD_FILE = 'dist/old.txt'

export interface Registry {
  /** Such as http://127.0.0.1:4873/ */
  readonly url: string
  /** Of the packed package. */
  readonly version: string
}

let started: Promise<Registry> | undefined

/** The registry, started at the first call; it ends with this process. */
export function registry(tarball: string): Promise<Registry> {
  started ??= start(tarball)
  return started
}

async function start(tarball: string): Promise<Registry> {
  // What comes from elsewhere is kept for the next time; what is ours is published anew.
  const folder = join(root, 'build/systems/registry')
  rmSync(join(folder, 'storage/alexnode'), { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const outer = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim()
  const all = { access: '$all', publish: '$all', unpublish: '$all' }
  const config = {
    storage: './storage',
    max_body_size: '100mb',
    uplinks: { outer: { url: outer } },
    packages: { alexnode: all, '**': { ...all, proxy: 'outer' } },
    log: { type: 'stdout', level: 'error' },
    web: { enable: false }
  }
  const file = join(folder, 'config.json')
  writeFileSync(file, JSON.stringify(config)) // YAML holds all of JSON

  const server = join(await tool('verdaccio', verdaccio, verdaccioOverrides), 'bin/verdaccio')
  const port = await freePort()
  const url = `http://127.0.0.1:${port}/`
  const child = spawn(
    await nodeBinary(verdaccioNode),
    [server, '--config', file, '--listen', `127.0.0.1:${port}`],
    { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] }
  )
  process.on('exit', () => child.kill())
  // A signal would end this process without 'exit', and leave the registry behind.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  // Neither keeps this process alive, whatever comes of the rest.
  child.unref()
  if (child.stderr instanceof Socket) child.stderr.unref()
  await answers(url, child)
  for (const file of [older(tarball, folder), tarball]) {
    const to = ['--registry', url, `--//127.0.0.1:${port}/:_authToken=nobody`]
    const { code, err } = await run('npm', ['publish', file, ...to, '--no-provenance'])
    if (code !== 0) throw new Error(`npm could not publish to ${url}: ${err}`)
  }
  return { url, version: versionOf(tarball) }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error(`no port: ${address}`)
  return address.port
}

async function answers(url: string, child: ChildProcess): Promise<void> {
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  for (let tries = 0; tries < 300; tries++) {
    if (child.exitCode !== null) break
    if ((await fetch(`${url}-/ping`).catch(() => undefined))?.ok) return
    await sleep(100)
  }
  child.kill()
  throw new Error(`the registry did not start: ${said}`)
}

const tar = (...args: string[]) => execFileSync('tar', args, { encoding: 'utf8' })

function versionOf(tarball: string): string {
  const { version } = JSON.parse(tar('-xzOf', tarball, 'package/package.json'))
  return version
}

/** Packs the same files as an older version. */
function older(tarball: string, folder: string): string {
  const making = mkdtempSync(join(folder, 'older-'))
  try {
    tar('-xzf', tarball, '-C', making)
    const file = join(making, 'package/package.json')
    const packed = JSON.parse(readFileSync(file, 'utf8'))
    writeFileSync(file, JSON.stringify({ ...packed, version: OLDER }))
    writeFileSync(join(making, 'package', OLD_FILE), 'gone in the next version\n')
    const out = join(folder, `alexnode-${OLDER}.tgz`)
    tar('-czf', out, '-C', making, 'package')
    return out
  } finally {
    rmSync(making, { recursive: true })
  }
}
