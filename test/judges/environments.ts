/** Python environments of the judges (reference frameworks): their packages, and how they are installed. */
import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

import { findPython, withoutPytorch } from '../pytorch/run.ts'

const root = resolve(import.meta.dirname, '../..')

/** Another framework, which our results are compared with. */
export interface Judge {
  /** Pinned requirements for pip. */
  readonly packages: readonly string[]
  /** Approximate size, of the download and on disk. */
  readonly size: string
}

export const judges = {
  tensorflow: {
    packages: ['tensorflow-cpu==2.21.0', 'keras==3.15.1', 'h5py==3.14.0'],
    size: '.3 GB to download, 1.6 GB on disk'
  },
  onnx: {
    packages: ['onnx==1.23.2', 'onnxruntime==1.32.0', 'numpy==2.4.6'],
    size: '60 MB to download, 200 MB on disk'
  },
  tensorboard: {
    packages: ['tensorboard==2.21.0', 'setuptools==80.9.0'],
    size: '40 MB to download, 200 MB on disk'
  }
} as const satisfies Readonly<Record<string, Judge>>

export type JudgeName = keyof typeof judges

/** A judge cannot be installed; the message says why. */
export class NoJudgeError extends Error {
  override name = 'NoJudgeError'
}

/**
 * The Python of a judge, in a virtual environment under build/judges/ that is made where it is missing or stale.
 * @param say prints what will be downloaded
 * @throws NoJudgeError where there is no python3 with venv, or pip cannot install the packages
 */
export async function pythonOf(name: JudgeName, say: (line: string) => void): Promise<string> {
  const { packages, size } = judges[name]
  const folder = join(root, 'build/judges', name)
  const python = join(folder, 'bin/python')
  const stamp = join(folder, 'packages.txt')
  const wanted = packages.join('\n')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return python
  say(`${name}: ${packages.join(', ')} from PyPI: ${size}, into ${folder}`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  try {
    await promisify(execFile)('python3', ['-m', 'venv', folder])
    await run(python, [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '--retries=2',
      ...packages
    ])
  } catch (cause) {
    rmSync(folder, { recursive: true, force: true })
    const reason = cause instanceof Error ? (cause.message.trim().split('\n').at(-1) ?? '') : ''
    throw new NoJudgeError(`${name} cannot be installed here: ${reason}`, { cause })
  }
  writeFileSync(stamp, wanted)
  return python
}

/**
 * Installs Debian's PyTorch with OpenBLAS where it is missing. PyPI's wheels for x86-64 need the libraries of CUDA.
 * @param say prints what will be downloaded
 * @throws NoJudgeError where it cannot be installed
 */
export async function debianPytorch(say: (line: string) => void): Promise<void> {
  if (findPython()) return
  say('pytorch: python3-torch of Debian: 70 MB to download, .4 GB on disk')
  const setup = join(root, 'scripts/setup.cjs')
  const failure = await run(process.execPath, [setup, '--test']).catch((error: unknown) => error)
  if (!findPython()) throw new NoJudgeError(`pytorch: ${withoutPytorch}`, { cause: failure })
}

/**
 * The Python that has Debian's torchvision, which is installed where it is missing.
 * @param say prints what will be downloaded
 * @throws NoJudgeError where it cannot be installed
 */
export async function debianTorchvision(say: (line: string) => void): Promise<string> {
  const found = () =>
    ['python3', '/usr/bin/python3'].find((python) => {
      return spawnSync(python, ['-c', 'import torchvision']).status === 0
    })
  const there = found()
  if (there !== undefined) return there
  say('torchvision: python3-torchvision of Debian: 2 MB to download besides PyTorch')
  const args = ['install', '-y', 'python3-torchvision']
  const failure = await run('apt-get', args).catch((error: unknown) => error)
  const installed = found()
  if (installed !== undefined) return installed
  const message = 'torchvision is not installed (Debian: apt-get install python3-torchvision)'
  throw new NoJudgeError(message, { cause: failure })
}

/** A program that takes longer is ended. */
const LIMIT_MS = 600_000

/** Runs a program. If it fails, the error ends with what it wrote to stderr. */
export async function run(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {}
): Promise<void> {
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: LIMIT_MS,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', ...env }
  })
  let err = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err = (err + text).slice(-4000)
  })
  const [code]: unknown[] = await once(child, 'close')
  if (code !== 0)
    throw new Error(`${program} ${args.join(' ')} ended with ${String(code)}:\n${err}`)
}
