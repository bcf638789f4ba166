/** Compiles what `npm run sanitize` runs. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '../..')
/** Where builds go, which git ignores. */
export const folder = join(root, 'build/sanitize')

/** `address` goes with undefined behaviour. */
export type Sanitizer = 'address' | 'thread'

/** How a program ended. */
export interface Ended {
  readonly code: number | null
  /** What it wrote, both outputs together. */
  readonly said: string
}

/** Runs a program to its end, for `limit` seconds at most. */
export function run(
  program: string,
  args: readonly string[],
  { env = {}, limit = 1200 }: { readonly env?: NodeJS.ProcessEnv; readonly limit?: number } = {}
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe']
    })
    // spawn's own time limit would keep Node alive for all of it where the program is missing.
    const timer = setTimeout(() => child.kill('SIGKILL'), 1000 * limit)
    let said = ''
    const keep = (text: Buffer) => {
      said = (said + text).slice(-200_000)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    const end = (ended: Ended) => {
      clearTimeout(timer)
      resolve(ended)
    }
    child.on('error', (error) => end({ code: null, said: error.message }))
    child.on('close', (code) => end({ code, said }))
  })
}

/** The sources of streams, tickets, events and loaders, which need no ops. */
const STREAMS = [
  ...['queue', 'team', 'stream', 'event', 'program', 'device', 'memory'].map(
    (name) => `cpu/${name}`
  ),
  ...['backend', 'layout', 'op', 'ticket'],
  ...['loader', 'jpeg', 'stored_file', 'crc32'].map((name) => `loader/${name}`)
].map((name) => `native/${name}.cc`)

const FLAGS = ['-std=c++20', '-g1', '-fno-omit-frame-pointer', '-Inative', '-Itest/sanitize']

const sanitizers = (kind: Sanitizer) =>
  kind === 'address' ? 'address,undefined,float-cast-overflow' : 'thread'

/** Compiles test/sanitize/streams.cc. Returns the program. */
export function compileStreams(kind: Sanitizer): Promise<string> {
  const flags = [
    ...FLAGS,
    `-fsanitize=${sanitizers(kind)}`,
    '-fopenmp',
    '-fno-sanitize-recover=all'
  ]
  // Most of the time would go to headers, so they are compiled as one file.
  const name = `streams-${kind}`
  const sources = [...STREAMS, 'test/sanitize/uv.cc', 'test/sanitize/streams.cc']
  mkdirSync(folder, { recursive: true })
  const unit = join(folder, `${name}.cc`)
  writeFileSync(unit, sources.map((source) => `#include "${join(root, source)}"\n`).join(''))
  return compile('g++', flags, [unit], name)
}

/** Compiles test/sanitize/records.cc with libFuzzer. Returns the program. */
export function compileRecords(clang: string): Promise<string> {
  const sources = ['layout', 'loader/jpeg', 'loader/stored_file', 'loader/crc32']
  const flags = [
    ...FLAGS,
    '-O1',
    '-fsanitize=fuzzer,address,undefined',
    '-fno-sanitize-recover=all'
  ]
  const files = [...sources.map((name) => `native/${name}.cc`), 'test/sanitize/records.cc']
  return compile(clang, flags, files, 'records')
}

async function compile(
  compiler: string,
  flags: readonly string[],
  sources: readonly string[],
  name: string
): Promise<string> {
  mkdirSync(folder, { recursive: true })
  const out = join(folder, name)
  const { code, said } = await run(compiler, [...flags, ...sources, '-lturbojpeg', '-o', out])
  if (code !== 0) throw new Error(`[sanitize] ${compiler} could not compile ${name}:\n${said}`)
  return out
}

/** Compiles the addon. Returns the folder that ALEXNODE_PREBUILD names. */
export async function compileAddon(kind: Sanitizer): Promise<string> {
  const place = join(folder, kind)
  const cmake = join(place, 'cmake')
  const output = join(place, 'build/Release')
  const configure = [
    ...['-S', root, '-B', cmake, '-DCMAKE_BUILD_TYPE=Release'],
    ...[`-DALEXNODE_SANITIZE=${kind}`, `-DALEXNODE_OUTPUT=${output}`]
  ]
  const env = { ALEXNODE_CUDA_ARCHS: '' }
  for (const args of [configure, ['--build', cmake, '--parallel', process.env.JOBS ?? '2']]) {
    const { code, said } = await run('cmake', args, { env, limit: 3600 })
    if (code !== 0) throw new Error(`[sanitize] cmake ${args[0]}:\n${said.slice(-4000)}`)
  }
  return place
}

/** Clang with libFuzzer, if there is one. */
export async function findClang(): Promise<string | undefined> {
  for (const name of ['clang++', 'clang++-19', 'clang++-16', 'clang++-14']) {
    const { code, said } = await run(name, ['-print-resource-dir'])
    const runtime = join(said.trim(), 'lib/linux', `libclang_rt.fuzzer-${machine()}.a`)
    if (code === 0 && existsSync(runtime) && statSync(runtime).isFile()) return name
  }
  return undefined
}

const machine = () => (process.arch === 'x64' ? 'x86_64' : 'aarch64')

/** First line of a compiler's version. */
export async function versionOf(compiler: string): Promise<string> {
  const { said } = await run(compiler, ['--version'])
  return said.split('\n')[0] ?? ''
}
