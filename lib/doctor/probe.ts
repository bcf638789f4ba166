/**
 * Tests the addon and NVIDIA's libraries in a child process. If a library ends or hangs it, another child tests the
 * rest without that library.
 */
import { spawn } from 'node:child_process'
import { dirname, extname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { FoundAddon } from '../native/addon/found-addon.ts'
import type { CpuInfo, CudaReport } from '../native/device-info.ts'
import type { AddonFacts, CpuFacts, CudaFacts, LibraryFacts } from './facts.ts'
import { ADDON, type Failure, type Message, type Step } from './message.ts'

/** Options of a probe. */
export interface ProbeOptions {
  /** Seconds after which opening a library, or one call of it, counts as hung. Default 20. */
  readonly timeout?: number
  /** Aborts the probe. */
  readonly signal?: AbortSignal
}

/** Result of a probe. */
export interface Probed {
  readonly addon: AddonFacts
  readonly cpu?: CpuFacts
  readonly cuda?: CudaFacts
  /** Why `cuda` is missing though the addon loads. */
  readonly failed?: string
}

/** What a child has sent before it ended. */
interface Outcome {
  readonly addon?: FoundAddon
  readonly failed?: Failure
  readonly cpu?: CpuInfo
  readonly cuda?: CudaReport
  readonly step?: Step
  /** How it ended, if too early: `crashed (SIGSEGV)`. */
  readonly end?: string
}

/** The last line of stderr, which mostly names the reason. */
function lastLine(text: string): string {
  const line = text.trim().split('\n').at(-1)?.trim() ?? ''
  return line === '' ? '' : `, saying: ${line.slice(0, 200)}`
}

/** Parses a line. A killed process may leave half a line, and a library may write to the wrong descriptor. */
function messageOf(line: string): Message | undefined {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** Least timeout in seconds until the addon is loaded: Node starts slowly on a busy machine. */
const START_TIMEOUT = 20

function runChild(
  refused: Readonly<Record<string, string>>,
  timeout: number,
  signal: AbortSignal | undefined
): Promise<Outcome> {
  // No `new URL`: webpack would bundle that file as a script.
  const here = fileURLToPath(import.meta.url)
  const program = join(dirname(here), `probe-child${extname(here)}`)
  const args = [...process.execArgv, program, JSON.stringify(refused)]
  const process_ = spawn(process.execPath, args, {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    ...(signal && { signal, killSignal: 'SIGKILL' })
  })
  let outcome: Outcome = {}
  let errors = ''
  let hung = 0
  const stop = (seconds: number) => {
    hung = seconds
    process_.kill('SIGKILL')
  }
  const wait = () => {
    const seconds = outcome.cpu ? timeout : Math.max(timeout, START_TIMEOUT)
    return setTimeout(() => stop(seconds), seconds * 1000)
  }
  let timer = wait()
  process_.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-4096)
  })
  const channel = process_.stdio[3]
  if (channel && 'read' in channel) {
    createInterface({ input: channel }).on('line', (line) => {
      clearTimeout(timer)
      outcome = { ...outcome, ...messageOf(line) }
      timer = wait()
      // The result is complete. A regular exit could crash in a library.
      if (outcome.cuda) process_.kill('SIGKILL')
    })
  }
  return new Promise((resolve) => {
    process_.on('error', (error) => {
      clearTimeout(timer)
      resolve({ ...outcome, end: error.message })
    })
    process_.on('close', (code, signal) => {
      clearTimeout(timer)
      const ended = code === null ? `crashed (${signal})` : `ended the process (exit code ${code})`
      const end = hung > 0 ? `hung (stopped after ${hung} s)` : `${ended}${lastLine(errors)}`
      resolve(outcome.cuda || code === 0 ? outcome : { ...outcome, end })
    })
  })
}

function addonFacts({ addon, failed, cpu, end = 'did not work' }: Outcome): AddonFacts {
  const found = addon && { path: addon.file, origin: addon.origin }
  if (cpu) return { loads: true, ...found }
  const { error, remedy } = failed ?? { error: `the native addon: loading it ${end}` }
  return { loads: false, ...found, error, ...(remedy !== undefined && { remedy }) }
}

function cpuFacts({ onednn, isa, bf16, fastBf16 }: CpuInfo): CpuFacts {
  return { onednn, isa, bf16: fastBf16 ? 'fast' : bf16 ? 'slow' : 'none' }
}

/**
 * Tests the addon and all libraries.
 * @throws the signal's reason if aborted, nothing else
 */
export async function probe({ timeout = 20, signal }: ProbeOptions = {}): Promise<Probed> {
  const dead = new Map<string, { step: Step; why: string }>()
  for (;;) {
    const refused = Object.fromEntries([...dead].map(([file, { why }]) => [file, why]))
    const outcome = await runChild(refused, timeout, signal)
    signal?.throwIfAborted()
    const { cpu, cuda, step, end } = outcome
    const addon = addonFacts(outcome)
    if (!cpu) return { addon }
    const known = { addon, cpu: cpuFacts(cpu) }
    if (cuda) {
      const libraries = cuda.libraries.map((library): LibraryFacts => {
        const death = dead.get(library.file)
        if (!death) return library
        return { ...library, path: death.step.path, state: 'crashed' }
      })
      return { ...known, cuda: { ...cuda, libraries } }
    }
    if (end === undefined) return known
    if (!step || step.file === ADDON || dead.has(step.file)) return { ...known, failed: end }
    dead.set(step.file, { step, why: `${step.what === 'open' ? '' : `${step.what} `}${end}` })
  }
}
