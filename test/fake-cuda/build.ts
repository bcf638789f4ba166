/** Builds doubles of NVIDIA's libraries, and broken ones, and keeps unchanged parts between builds. */
import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync
} from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'

export const hasCompiler = spawnSync('c++', ['--version']).status === 0

const root = resolve(import.meta.dirname, '../..')
const kept = join(root, 'build/fake-cuda')
const kernels = join(root, 'native/cuda/kernels')
const includes = [join(root, 'native'), import.meta.dirname]

type Defines = Readonly<Record<string, string | number>>

/** A library: its file's name, and what it is made of. */
interface Library {
  file: string
  sources: readonly string[]
  flags: readonly string[]
}

const SOURCES = {
  driver: ['control', 'arena', 'touch', 'queues', 'captures', 'driver'].concat(
    ['streams', 'memory', 'graphs', 'modules'].map((topic) => `driver_${topic}`)
  ),
  nvrtc: ['nvrtc', 'fake'],
  cudnn: ['cudnn', 'cudnn_convolution', 'cudnn_pooling', 'cudnn_lrn', 'fake'],
  cublaslt: ['cublaslt', 'fake'],
  nccl: ['nccl', 'fake'],
  toolkit: ['toolkit']
}
export type Source = keyof typeof SOURCES

const CUDNN_PARTS = ['graph', 'ops', 'cnn', 'adv', 'heuristic'].concat(
  ['engines_precompiled', 'engines_runtime_compiled'],
  // One that is not in every version.
  ['ext']
)

function libraryOf(file: string, source: Source, defines: Defines): Library {
  const sources = SOURCES[source].map((name) => join(import.meta.dirname, `${name}.cc`))
  const hidden = source === 'driver' || source === 'nvrtc' ? ['-fvisibility=hidden'] : []
  const macros = Object.entries(defines).map(([name, value]) => `-D${name}=${value}`)
  return { file, sources, flags: [...hidden, ...macros] }
}

/** A file of kernels, and the threads that run it. Its own library, as it is its own module on a GPU. */
function kernelsOf(source: string): Library {
  const flags = ['-ffp-contract=off', '-fvisibility=hidden', '-Wno-unknown-pragmas']
  // A GPU loads and stores at multiples of a type's size alone.
  flags.push('-fsanitize=alignment', '-fsanitize-undefined-trap-on-error')
  const file = `libalexnode_kernels_${basename(source, '.cu')}.so`
  return { file, sources: [source, join(import.meta.dirname, 'block.cc')], flags }
}

/** An empty one has only its name. */
function emptyOf(file: string): Library {
  return { file, sources: [], flags: [] }
}

function toolkitOf(cuda: number): Library[] {
  const major = Math.trunc(cuda / 1000)
  const minor = Math.trunc((cuda % 1000) / 10)
  return [
    libraryOf(`libnvrtc.so.${major}`, 'nvrtc', { CUDA: cuda }),
    emptyOf(`libnvrtc-builtins.so.${major}.${minor}`),
    libraryOf(`libcublasLt.so.${major}`, 'cublaslt', { CUDA: cuda }),
    libraryOf(`libcublas.so.${major}`, 'toolkit', { CUDA: cuda }),
    libraryOf('libnccl.so.2', 'nccl', {})
  ]
}

/** The text of a file and of all that it includes of ours. */
function textOf(file: string, seen = new Set<string>()): string {
  if (seen.has(file)) return ''
  seen.add(file)
  const text = readFileSync(file, 'utf8')
  const included = [...text.matchAll(/^\s*#include "(.+)"/gm)].map(([, name = '']) => {
    const found = [dirname(file), ...includes].map((folder) => join(folder, name)).find(existsSync)
    return found ? textOf(found, seen) : ''
  })
  return [text, ...included].join('\n')
}

const hashOf = (...parts: readonly string[]) => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${part.length} ${part}`)
  return hash.digest('hex').slice(0, 20)
}

/** What `-DNAME=VALUE` defines. */
const macroOf = (flag: string) => flag.slice(2).replace(/=.*/, '')

/** Pieces of work, no more at once than there are cores. */
async function all<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  const left = items.entries()
  const worker = async () => {
    for (const [i, item] of left) results[i] = await work(item)
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
  return results
}

/** Makes a file that is kept under its hash, whoever else makes it at the same time. */
async function keep(name: string, args: readonly string[]): Promise<string> {
  const path = join(kept, 'parts', name)
  if (existsSync(path)) return path
  mkdirSync(dirname(path), { recursive: true })
  const folder = mkdtempSync(`${path}-`)
  try {
    // ccache, where the addon is built with it too.
    const launcher = process.env.CMAKE_CXX_COMPILER_LAUNCHER
    const [program = 'c++', ...first] = launcher ? [launcher, 'c++'] : ['c++']
    await promisify(execFile)(program, [...first, ...args, '-o', join(folder, 'made')])
    renameSync(join(folder, 'made'), path)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return path
}

/** Where each library has been built to. */
async function build(libraries: readonly Library[]): Promise<Map<string, string>> {
  const objects = libraries.flatMap(({ sources, flags }) =>
    sources.map((source) => {
      const text = textOf(source)
      // A macro that a source does not know makes no other object of it.
      const known = flags.filter((flag) => !flag.startsWith('-D') || text.includes(macroOf(flag)))
      const all = ['-std=c++20', '-O2', '-fPIC', '-fno-gnu-unique', '-Wall', '-Wextra', ...known]
      return { source, flags: all, name: `${hashOf(text, ...all)}.o` }
    })
  )
  const different = [...new Map(objects.map((object) => [object.name, object])).values()]
  await all(different, ({ source, flags, name }) =>
    keep(name, [
      ...flags,
      ...includes.map((folder) => `-I${folder}`),
      ...['-c', '-x', 'c++', source]
    ])
  )
  const files = await all(libraries, async ({ file, sources }) => {
    const parts = objects.splice(0, sources.length).map(({ name }) => join(kept, 'parts', name))
    const name = hashOf(file, ...parts.map((part) => basename(part)))
    return keep(`${name}.so`, ['-shared', `-Wl,-soname,${file}`, ...parts, '-ldl'])
  })
  return new Map(libraries.map(({ file }, i) => [file, files[i] ?? '']))
}

async function place(folder: string, libraries: readonly Library[]): Promise<void> {
  for (const [file, path] of await build(libraries)) {
    rmSync(join(folder, file), { force: true })
    copyFileSync(path, join(folder, file))
  }
}

/** Puts one library into a folder; its soname is the file's, as real ones have it. */
export async function compile(
  folder: string,
  file: string,
  source: Source,
  defines: Defines
): Promise<void> {
  await place(folder, [libraryOf(file, source, defines)])
}

/** A library without functions, that does this in C++ as soon as it is opened. */
export function troubled(folder: string, file: string, trouble = ''): void {
  execFileSync('c++', [
    ...['-shared', '-fPIC', `-Wl,-soname,${file}`, `-DTROUBLE=${trouble}`],
    ...['-o', join(folder, file), join(import.meta.dirname, 'trouble.cc')]
  ])
}

/** The toolkit's libraries, and NCCL, of one CUDA version: major · 1000 + minor · 10. */
export async function fakeToolkit(folder: string, cuda: number): Promise<void> {
  await place(folder, toolkitOf(cuda))
}

/** All that there is for CUDA 13.0: libraries and the kernels that this source has. */
function wholeSet(): Library[] {
  const sources = readdirSync(kernels).filter((name) => name.endsWith('.cu'))
  return [
    libraryOf('libcuda.so.1', 'driver', { CUDA: 13000 }),
    ...toolkitOf(13000),
    libraryOf('libcudnn.so.9', 'cudnn', { CUDA: 13000, VERSION: 91900 }),
    ...CUDNN_PARTS.map((part) => emptyOf(`libcudnn_${part}.so.9`)),
    ...sources.sort().map((name) => kernelsOf(join(kernels, name))),
    kernelsOf(join(import.meta.dirname, 'probe.cu'))
  ]
}

/** Puts the whole set into a folder of the test's own, which it may change. */
export async function fakeCuda(folder: string): Promise<void> {
  await place(folder, wholeSet())
}

/** A folder with the whole set, which all tests share: for ALEXNODE_CUDA_PATH. */
export async function fakeCudaFolder(): Promise<string> {
  const set = wholeSet()
  const built = await build(set)
  const folder = join(kept, hashOf(...[...built].flat()))
  if (existsSync(folder)) return folder
  const made = mkdtempSync(`${folder}-`)
  await place(made, set)
  try {
    renameSync(made, folder)
  } catch (error) {
    // Another process was faster.
    rmSync(made, { recursive: true, force: true })
    if (!existsSync(folder)) throw error
  }
  return folder
}
