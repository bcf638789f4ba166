/** `alexnode doctor`: checks what this machine can train on. */
import { dirname, relative } from 'node:path'
import type { CudaFacts, Facts, LibraryFacts } from '../doctor/facts.ts'
import { examine } from '../doctor/index.ts'
import { stateOf, titleOf } from '../doctor/verdict.ts'
import { command, parse } from './shared/command.ts'
import { mebibytes } from './shared/format.ts'
import { numberParsers } from './shared/numbers.ts'
import { jsonHelp } from './shared/options.ts'
import { print, printJson } from './shared/output.ts'
import { program } from './shared/program.ts'
import { entry, onePiece } from './shared/text.ts'

interface Given {
  readonly json?: boolean
  readonly timeout?: number
}

async function readArguments(): Promise<Given> {
  const { positive } = await numberParsers()
  const doctor = await command(
    'doctor',
    'Checks what this machine can train on: Node, the native addon, the CPU and CUDA. Lists what is wrong, ' +
      'with the remedy. The exit code is 0 if a device can train, else 1. Libraries are opened in a process ' +
      'of their own, so that a broken one cannot end the check.'
  )
  doctor
    .option('--json', jsonHelp)
    .option('--timeout <seconds>', 'time limit for opening a library (20)', positive)
  return parse<Given>(doctor)
}

const BF16 = {
  none: 'no bf16',
  slow: 'bf16, without AMX',
  fast: 'bf16, faster than f32'
} as const

const ORIGINS = {
  build: 'compiled here',
  prebuild: 'came with the package',
  elsewhere: 'from outside the package'
} as const

/** A path, relative where that is shorter. */
function shortPath(path: string): string {
  const near = relative(process.cwd(), path)
  return onePiece(near.startsWith('..') ? path : near)
}

function machineLines({ node, system, addon, cpu, version }: Facts): string[] {
  const { libc, memory, cores, processors, threads } = system
  const least = `expected ${node.least} or newer`
  const clib = libc.name === 'none' ? '' : `, ${libc.name} ${libc.version ?? ''}`.trimEnd()
  const logical = processors === cores ? '' : `, ${processors} processors`
  const lines = [
    entry('alexnode', version),
    entry('Node', `${node.version}${node.supported ? '' : `: too old, ${least}`}`),
    entry('System', `${system.platform} ${system.arch}${clib}`),
    entry('CPU', `${system.cpu}\n${cores} cores${logical}, ${threads} threads for training`),
    entry('Memory', `${mebibytes(memory.available)} of ${mebibytes(memory.total)} free`)
  ]
  if (addon.loads) {
    const from = addon.origin === undefined ? '' : `, ${ORIGINS[addon.origin]}`
    lines.push(entry('Addon', `${shortPath(addon.path ?? 'loaded')}${from}`))
  } else lines.push(entry('Addon', 'does not load'))
  if (cpu) lines.push(entry('oneDNN', `${cpu.onednn}, ${cpu.isa}, ${BF16[cpu.bf16]}`))
  return lines
}

/** The libraries that are ready, by folder, then those that are not. */
function libraryLines(libraries: readonly LibraryFacts[]): string[] {
  const isPart = ({ name }: LibraryFacts) => name.startsWith('cudnn_')
  const ready = libraries.filter(({ state }) => state === 'ready')
  const parts = ready.filter(isPart).length
  const folders = new Map<string, string[]>()
  for (const library of ready.filter((library) => !isPart(library))) {
    const { name, version = '', path = '' } = library
    // NVRTC's builtins and cuDNN's parts have the versions of NVRTC and cuDNN.
    const about = name === 'nvrtc-builtins' ? '' : ` ${version}`
    const and = name === 'cudnn' ? ` (${parts} parts)` : ''
    const folder = dirname(path)
    folders.set(folder, [
      ...(folders.get(folder) ?? []),
      onePiece(`${titleOf(library)}${about}${and}`)
    ])
  }
  const found = [...folders].map(([folder, names]) => `${names.join(', ')}\n${shortPath(folder)}`)
  // A part that is not ready is named among the problems.
  const others = libraries.filter((library) => !isPart(library))
  const unfit = others.filter(({ state }) => state !== 'ready' && state !== 'missing')
  const wrong = unfit.map((library) => `${titleOf(library)}: ${stateOf(library)}`)
  const missing = others.filter(({ state }) => state === 'missing').map(titleOf)
  return [...found, ...wrong, ...(missing.length > 0 ? [`not found: ${missing.join(', ')}`] : [])]
}

function cudaLines({ libraries, devices }: CudaFacts, { system }: Facts): string[] {
  const driver = libraries.find(({ name }) => name === 'driver')
  const lines: string[] = []
  if (driver?.state === 'ready') {
    const kernel = system.driver === undefined ? '' : `${system.driver}, `
    lines.push(
      entry('Driver', `${kernel}for CUDA ${driver.version}\n${onePiece(driver.path ?? '')}`)
    )
  } else {
    lines.push(entry('Driver', driver ? stateOf(driver) : 'not found'))
    if (system.nvidia.length > 0) {
      lines.push(entry('', `NVIDIA's devices on the PCI bus: ${system.nvidia.join(', ')}`))
    }
  }
  const rest = libraries.filter(({ name }) => name !== 'driver')
  lines.push(entry('Libraries', libraryLines(rest).join('\n')))
  const failed = libraries.filter(({ state }) => state === 'ready').flatMap(({ tried }) => tried)
  for (const { error } of failed) lines.push(entry('', `skipped: ${error}`))
  for (const [i, { name, capability, memory }] of devices.entries()) {
    lines.push(entry(`cuda:${i}`, `${name}, compute ${capability}, ${mebibytes(memory)}`))
  }
  return lines
}

function textOf(facts: Facts): string {
  const lines = [...machineLines(facts), '']
  if (facts.cuda) lines.push(...cudaLines(facts.cuda, facts), '')
  for (const { problem, remedy } of facts.problems) {
    lines.push(entry('Problem', problem), entry('Remedy', remedy), '')
  }
  return [...lines, facts.verdict].join('\n')
}

let trains = true
await program(async (signal) => {
  const { json, timeout } = await readArguments()
  const facts = await examine({ signal, ...(timeout !== undefined && { timeout }) })
  if (json) printJson(facts)
  else print(textOf(facts))
  trains = facts.ready.cpu || facts.ready.cuda
})
if (!trains) process.exitCode ||= 1
