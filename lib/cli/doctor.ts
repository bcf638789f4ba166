/** `alexnode doctor`: what this machine can train on, and what mends the rest. */
import { dirname, relative } from 'node:path'
import type { CudaFacts, Facts, LibraryFacts } from '../doctor/facts.ts'
import { examine } from '../doctor/index.ts'
import { stateOf, titleOf } from '../doctor/verdict.ts'
import { command, parse, readers } from './command.ts'
import { entry, mebibytes, onePiece } from './format.ts'
import { program } from './program.ts'

interface Given {
  readonly json?: boolean
  readonly timeout?: number
}

async function readArguments(): Promise<Given> {
  const { positive } = await readers()
  const doctor = await command(
    'doctor',
    'Says what this machine can train on: Node, the native addon, the CPU, and what there is of CUDA; then ' +
      'what is wrong and what mends it. Exits with 0 if something can train, else with 1. Broken libraries ' +
      'are opened in a process of their own, so they cannot hide the rest.'
  )
  doctor
    .option('--json', 'print one JSON object')
    .option('--timeout <seconds>', 'how long opening a library may take (20)', positive)
  return parse<Given>(doctor, process.argv.slice(2))
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

/** A path as short as it can be. */
function shortPath(path: string): string {
  const near = relative(process.cwd(), path)
  return onePiece(near.startsWith('..') ? path : near)
}

function machine({ node, system, addon, cpu, version }: Facts): string[] {
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

/** Libraries that are ready, by their folders, and the others. */
function libraryLines(libraries: readonly LibraryFacts[]): string[] {
  const isPart = ({ name }: LibraryFacts) => name.startsWith('cudnn_')
  const ready = libraries.filter(({ state }) => state === 'ready')
  const parts = ready.filter(isPart).length
  const folders = new Map<string, string[]>()
  for (const library of ready.filter((library) => !isPart(library))) {
    const { name, version = '', path = '' } = library
    // The builtins have NVRTC's version, and cuDNN's parts cuDNN's.
    const about = name === 'nvrtc-builtins' ? '' : ` ${version}`
    const and = name === 'cudnn' ? ` (${parts} parts)` : ''
    const folder = dirname(path)
    folders.set(folder, [
      ...(folders.get(folder) ?? []),
      onePiece(`${titleOf(library)}${about}${and}`)
    ])
  }
  const found = [...folders].map(([folder, names]) => `${names.join(', ')}\n${shortPath(folder)}`)
  // A part that is not ready makes cuDNN unready, and the problems name it.
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
  for (const { error } of failed) lines.push(entry('', `passed over: ${error}`))
  for (const [i, { name, capability, memory }] of devices.entries()) {
    lines.push(entry(`cuda:${i}`, `${name}, compute ${capability}, ${mebibytes(memory)}`))
  }
  return lines
}

function print(facts: Facts): void {
  const lines = [...machine(facts), '']
  if (facts.cuda) lines.push(...cudaLines(facts.cuda, facts), '')
  for (const { problem, remedy } of facts.problems) {
    lines.push(entry('Problem', problem), entry('Remedy', remedy), '')
  }
  process.stdout.write(`${lines.join('\n')}\n${facts.verdict}\n`)
}

let trains = true
await program(async (signal) => {
  const { json, timeout } = await readArguments()
  const facts = await examine({ signal, ...(timeout !== undefined && { timeout }) })
  if (json) process.stdout.write(`${JSON.stringify(facts)}\n`)
  else print(facts)
  trains = facts.ready.cpu || facts.ready.cuda
})
if (!trains) process.exitCode ||= 1
