/** Compiles our declarations of NVIDIA's libraries against their own headers, where those are found. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What is checked, as cuda-abi.cc names it, and the header that has it. */
export const abis: Readonly<Record<string, string>> = {
  CUDA: 'cuda.h',
  NVRTC: 'nvrtc.h',
  CUBLASLT: 'cublasLt.h',
  CUBLAS: 'cublas_v2.h',
  CUDNN: 'cudnn.h',
  NCCL: 'nccl.h'
}

const compiler = process.env.CXX ?? 'c++'

function inside(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name))
  } catch {
    return []
  }
}

/** Folders of headers: those that ALEXNODE_CUDA_INCLUDE lists, the toolkit's, those of Python's wheels. */
function includeFolders(): string[] {
  const {
    ALEXNODE_CUDA_INCLUDE = '',
    CUDA_HOME,
    CUDA_PATH,
    VIRTUAL_ENV,
    CONDA_PREFIX
  } = process.env
  const toolkits = [CUDA_HOME, CUDA_PATH, '/usr/local/cuda'].filter((path) => path !== undefined)
  const prefixes = [VIRTUAL_ENV, CONDA_PREFIX, join(homedir(), '.local'), '/usr/local', '/usr']
  const wheels = prefixes
    .flatMap((prefix) => (prefix ? inside(join(prefix, 'lib')) : []))
    .filter((path) => /\/python3[^/]*$/.test(path))
    .flatMap((python) => ['site-packages', 'dist-packages'].map((name) => join(python, name)))
    .flatMap((packages) => inside(join(packages, 'nvidia')))
  return [
    ...ALEXNODE_CUDA_INCLUDE.split(delimiter).filter((path) => path !== ''),
    ...wheels.map((wheel) => join(wheel, 'include')),
    ...toolkits.map((toolkit) => join(toolkit, 'include')),
    '/usr/include'
  ].filter((folder) => existsSync(folder))
}

export interface AbiResult {
  readonly status: 'passed' | 'failed' | 'skipped'
  /** What the compiler said, or what is missing. */
  readonly reason?: string
}

/**
 * Holds one library's declarations against its header.
 *
 * @param abi a key of {@link abis}
 * @param source the folder with cuda-abi.cc
 * @param native the folder with cuda/api/
 */
export function checkAbi(abi: string, source: string, native: string): AbiResult {
  const header = abis[abi] ?? ''
  const folders = includeFolders()
  if (!folders.some((folder) => existsSync(join(folder, header)))) {
    return { status: 'skipped', reason: `there is no ${header}` }
  }
  if (spawnSync(compiler, ['--version']).status !== 0) {
    return { status: 'skipped', reason: `there is no compiler '${compiler}'` }
  }
  const { status, stderr } = spawnSync(
    compiler,
    [
      ...['-std=c++20', '-fsyntax-only', '-w', `-D${abi}`, `-I${native}`],
      ...folders.filter((folder) => folder !== '/usr/include').map((folder) => `-I${folder}`),
      resolve(source, 'cuda-abi.cc')
    ],
    { encoding: 'utf8' }
  )
  if (status === 0) return { status: 'passed' }
  // A header that needs others, which a wheel of its own brings, says nothing of ours.
  const missing = /fatal error: '?([^':\s]+)'?(?: file not found|: No such file)/.exec(stderr)
  if (missing && !missing[1]?.startsWith('cuda/api/'))
    return { status: 'skipped', reason: `${header} needs ${missing[1]}` }
  const errors = stderr.split('\n').filter((line) => line.includes('error'))
  return { status: 'failed', reason: errors.slice(0, 5).join('\n') }
}

// As a program it prints a line a library, for the kit, where it lies in dist/test.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const native = ['../native', '../../native'].map((path) => resolve(import.meta.dirname, path))
  const own = native.find((path) => existsSync(join(path, 'cuda/api'))) ?? ''
  for (const [abi, name] of Object.entries(abis)) {
    const { status, reason } = checkAbi(abi, import.meta.dirname, own)
    process.stdout.write(`${JSON.stringify({ name, ...(reason && { [status]: reason }) })}\n`)
  }
}
