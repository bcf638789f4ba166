/** Builds doubles of NVIDIA's libraries, and broken ones, into a folder. */
import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'

export const hasCompiler = spawnSync('c++', ['--version']).status === 0

const PARTS = ['graph', 'ops', 'cnn', 'adv', 'heuristic'].concat(
  ['engines_precompiled', 'engines_runtime_compiled'],
  // One that is not in every version.
  ['ext']
)

/** Compiles one library; without a source, an empty one. Its soname is the file's, as real ones have it. */
export function compile(
  folder: string,
  file: string,
  source?: 'driver' | 'cudnn' | 'cublaslt' | 'toolkit' | 'trouble',
  defines: Readonly<Record<string, string | number>> = {}
): void {
  const macros = Object.entries(defines).map(([name, value]) => `-D${name}=${value}`)
  const from = source ? join(import.meta.dirname, `${source}.cc`) : '/dev/null'
  execFileSync('c++', [
    ...['-std=c++20', '-O2', '-shared', '-fPIC', `-Wl,-soname,${file}`, ...macros],
    `-I${join(import.meta.dirname, '../../native')}`,
    ...['-o', join(folder, file), '-x', 'c++', from]
  ])
}

/** The toolkit's libraries, and NCCL, of one CUDA version: major · 1000 + minor · 10. */
export function fakeToolkit(folder: string, cuda: number): void {
  const major = Math.trunc(cuda / 1000)
  const minor = Math.trunc((cuda % 1000) / 10)
  for (const name of [`nvrtc.so.${major}`, `cublas.so.${major}`, 'nccl.so.2']) {
    compile(folder, `lib${name}`, 'toolkit', { CUDA: cuda })
  }
  compile(folder, `libcublasLt.so.${major}`, 'cublaslt', { CUDA: cuda })
  compile(folder, `libnvrtc-builtins.so.${major}.${minor}`)
}

/** A whole set for CUDA 13.0, with one device. */
export function fakeCuda(folder: string): void {
  compile(folder, 'libcuda.so.1', 'driver', { CUDA: 13000 })
  fakeToolkit(folder, 13000)
  compile(folder, 'libcudnn.so.9', 'cudnn', { CUDA: 13000, VERSION: 91900 })
  for (const part of PARTS) compile(folder, `libcudnn_${part}.so.9`)
}
