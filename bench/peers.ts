/** Those whom alexnode stands beside, made ready: PyTorch from the system's packages, onnxruntime-node from npm. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { python, withoutPytorch } from '../test/pytorch/run.ts'
import { Contender } from './contender.ts'
import type { Peer, Workload } from './workloads.ts'

const run = promisify(execFile)
const keep = 2 ** 35
/** Without these PyTorch's allocator gives back and takes again all memory of each step: half its speed. */
const tunables = [
  `glibc.malloc.mmap_threshold=${keep}`,
  `glibc.malloc.trim_threshold=${keep}`,
  'glibc.malloc.arena_max=1',
  'glibc.malloc.hugetlb=1'
].join(':')

const ONNXRUNTIME = 'onnxruntime-node@1.30.0'
const inputs = { alexnet: [3, 227, 227], torchvision: [3, 224, 224], fashion: [1, 224, 224] }

/** A file beside this one, compiled or not, as arguments of node. */
export function script(name: string): string[] {
  const source = import.meta.url.endsWith('.ts')
  const file = fileURLToPath(new URL(`${name}.${source ? 'ts' : 'js'}`, import.meta.url))
  return source ? ['--import', 'tsx', file] : [file]
}

const beside = (name: string) => fileURLToPath(new URL(name, import.meta.url))

const words = ({ net, mode, dtype, batch }: Workload, threads: number) =>
  [net, mode, dtype, batch, threads].map(String)

/** @param options.layers whether it times each op of a few steps when it ends. Default true */
export function startAlexnode(
  workload: Workload,
  threads: number,
  { layers = true }: { readonly layers?: boolean } = {}
): Promise<Contender> {
  const winograd = workload.direct ? 'off' : 'on'
  const own = [winograd, ...(layers ? ['layers'] : [])]
  const args = [...script('alexnode'), ...words(workload, threads), ...own]
  return Contender.start({ command: process.execPath, args })
}

/** @throws Error where PyTorch is not there */
export function startPytorch(workload: Workload, threads: number): Promise<Contender> {
  if (!python) throw new Error(`[bench] ${withoutPytorch}`)
  return Contender.start({
    command: python,
    args: [beside('pytorch.py'), ...words(workload, threads)],
    env: { GLIBC_TUNABLES: tunables }
  })
}

/** Installs onnxruntime-node in `folder`, unless it is there; without its script, which would download CUDA's part. */
async function installOnnxruntime(folder: string): Promise<void> {
  if (existsSync(join(folder, 'node_modules/onnxruntime-node/package.json'))) return
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), '{ "private": true }\n')
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
  await run('npm', ['install', ...options, ONNXRUNTIME], { cwd: folder })
}

async function startOnnxruntime(
  { net, batch }: Workload,
  threads: number,
  folder: string
): Promise<Contender> {
  if (!python)
    throw new Error('[bench] PyTorch is not installed, which writes the net for onnxruntime')
  await installOnnxruntime(folder)
  const model = join(folder, `${net}-${batch}.onnx`)
  try {
    await run(python, [beside('pytorch.py'), '--onnx', net, `${batch}`, model])
    const numbers = [threads, batch, ...inputs[net]].map(String)
    const args = [beside('onnxruntime.mjs'), folder, model, ...numbers]
    // It has read the model when it has started.
    return await Contender.start({ command: process.execPath, args })
  } finally {
    await rm(model, { force: true })
  }
}

/** @param folder where a peer may be kept */
export function startPeer(
  peer: Peer,
  workload: Workload,
  threads: number,
  folder: string
): Promise<Contender> {
  return peer === 'PyTorch'
    ? startPytorch(workload, threads)
    : startOnnxruntime(workload, threads, folder)
}

/** The version of onnxruntime-node, where it was needed. */
export async function onnxruntimeVersion(folder: string): Promise<string | undefined> {
  const file = join(folder, 'node_modules/onnxruntime-node/package.json')
  return existsSync(file) ? String(JSON.parse(await readFile(file, 'utf8')).version) : undefined
}
