/** Facts of the machine from Node and the kernel's files. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { availableParallelism, cpus, freemem, totalmem } from 'node:os'
import { join } from 'node:path'
import { glibc } from '../native/addon/glibc.ts'
import type { SystemFacts } from './facts.ts'

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function libc(): SystemFacts['libc'] {
  if (process.platform !== 'linux') return { name: 'none' }
  const version = glibc()
  if (version !== undefined) return { name: 'glibc', version }
  const musl = list('/lib').some((name) => /(ld|libc)[.-]musl-/.test(name))
  return { name: musl ? 'musl' : 'none' }
}

/** Counts cores in /proc/cpuinfo: threads of one core have the same pair of ids. */
function physicalCores(processors: number): number {
  const blocks = (read('/proc/cpuinfo') ?? '').split('\n\n')
  const pairs = blocks.map((block) => {
    const id = (name: string) => new RegExp(`^${name}\\s*:\\s*(\\d+)`, 'm').exec(block)?.[1]
    return `${id('physical id')} ${id('core id')}`
  })
  const known = new Set(pairs.filter((pair) => !pair.includes('undefined')))
  return known.size || processors
}

/** PCI class 0x03 is displays; vendor 0x10de is NVIDIA. */
function nvidiaDevices(): string[] {
  const bus = '/sys/bus/pci/devices'
  return list(bus).filter((address) => {
    const value = (name: string) => read(join(bus, address, name)) ?? ''
    return value('vendor') === '0x10de' && value('class').startsWith('0x03')
  })
}

/** The driver's file has a line `NVRM version: NVIDIA UNIX … Kernel Module  580.65.06  …`. */
function kernelDriver(): string | undefined {
  return /Module.*?\s(\d+\.[\d.]+)\s/.exec(read('/proc/driver/nvidia/version') ?? '')?.[1]
}

/** A driver has at least one of these: on Linux, in a container, in WSL. */
const DRIVER_FILES = ['/proc/driver/nvidia/version', '/dev/nvidiactl', '/dev/nvidia0', '/dev/dxg']

/** True if files suggest an NVIDIA driver, also one that ALEXNODE_CUDA_PATH names. Opens nothing. */
export function hasNvidiaDriver(env: NodeJS.ProcessEnv = process.env): boolean {
  if (process.platform !== 'linux') return false
  const folders = (env.ALEXNODE_CUDA_PATH ?? '').split(':').filter(Boolean)
  const named = folders.map((folder) => join(folder, 'libcuda.so.1'))
  return [...DRIVER_FILES, ...named].some((file) => existsSync(file))
}

/** Collects the facts of the machine. */
export function systemFacts(): SystemFacts {
  const processors = cpus()
  const driver = kernelDriver()
  // A Node that is too old lacks these; the doctor must still run to say so.
  const limit = process.constrainedMemory?.() || Number.POSITIVE_INFINITY
  const available = process.availableMemory?.() ?? freemem()
  return {
    platform: process.platform,
    arch: process.arch,
    libc: libc(),
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: physicalCores(processors.length),
    processors: processors.length,
    threads: availableParallelism(),
    memory: { total: Math.min(totalmem(), limit), available },
    nvidia: nvidiaDevices(),
    ...(driver !== undefined && { driver })
  }
}
