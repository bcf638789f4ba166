/** What a kit runs: each stage as processes of their own, and what of their lines is kept. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { cli } from '../bench/beside.ts'
import { isDouble } from '../bench/double.ts'
import { python } from '../test/pytorch/run.ts'
import { type Ended, type Line, runLines, STAGE_LIMIT } from './child.ts'
import type { Report, StageReport } from './report.ts'

/** What stages share. */
export interface Run {
  readonly report: Report
  /** A part of each stage, to see that the kit works. */
  readonly brief: boolean
  /** The GPU that is ready, as `open` takes it, and whether it is a double of one. */
  gpu?: { readonly device: string; readonly double: boolean; readonly count: number }
  /** Called when the report has grown. */
  grown: () => void
}

type Stage = (run: Run, stage: StageReport) => Promise<void>

/** In the order in which they run. */
export const stages: Readonly<Record<string, Stage>> = {
  doctor: async (run, stage) => {
    const { report } = run
    // As patient as opening a GPU is.
    const args = [...cli(), 'doctor', '--json', '--timeout', '60']
    const { lines, error } = await runLines(args, STAGE_LIMIT)
    const facts = lines.at(-1)
    if (!facts) {
      stage.failed.push(error ?? 'it said nothing')
      return
    }
    describe(report, facts)
    report.machine.PyTorch = pytorchVersion()
    const { ready, verdict } = facts
    stage.figures.push({ verdict })
    if (Object(ready).cpu) stage.passed++
    else stage.failed.push(String(verdict))
    if (Object(ready).cuda) {
      stage.passed++
      const double = isDouble(report.gpu)
      const count = [Object(facts.cuda).devices ?? []].flat().length
      run.gpu = { device: 'cuda:0', double, count }
      if (double) report.machine.WARNING = "a double of CUDA computed: no figure here is a GPU's"
    } else stage.skipped.push(`no GPU: ${verdict}`)
  },

  selftest: async ({ report, brief, grown }, stage) => {
    const args = [...cli(), 'selftest', '--json', ...(brief ? ['--op', 'softmax'] : [])]
    const worst = new Map<string, Line>()
    const ended = await runLines(args, STAGE_LIMIT, (line) => {
      const { status, kind, device, name, reasons, error, bound } = line
      if (status === undefined) return
      const op = kind === 'op' ? String(name).split(' ')[0] : name
      if (status === 'passed') stage.passed++
      if (status === 'failed') stage.failed.push(`${device}: ${name}: ${reasons}`)
      if (status === 'skipped') stage.skipped.push(`${device}: ${reasons}`)
      const share = Number(error ?? 0) / Number(bound || 1)
      const key = `${device} ${op}`
      if (error !== undefined && share >= Number(worst.get(key)?.share ?? 0)) {
        worst.set(key, { device, op, error, bound, share })
      }
      grown()
    })
    stage.figures.push(...worst.values())
    const devices = new Set([...worst.values()].map(({ device }) => device))
    if (devices.size < 2) {
      stage.skipped.push(`device against device: ${[...devices].join(', ')} alone on ${report.gpu}`)
    }
    unlessTold(stage, ended)
  },

  abi: async (run, stage) => {
    const file = fileURLToPath(new URL(`../test/cuda-abi.${suffix}`, import.meta.url))
    if (!existsSync(file)) {
      stage.skipped.push("this kit has no check of the declarations against NVIDIA's headers")
      return
    }
    await lines(program(file), run, stage)
  },

  'gpu-parity': (run, stage) => onGpu('parity', run, stage),
  'gpu-cudnn': (run, stage) => onGpu('cudnn', run, stage),
  'gpu-replay': (run, stage) => onGpu('replay', run, stage),
  'gpu-memory': (run, stage) => onGpu('memory', run, stage),
  'gpu-ranks': (run, stage) => onGpu('ranks', run, stage, `${run.gpu?.count ?? 0}`),
  'gpu-train': (run, stage) => onGpu('gpu-bench', run, stage, 'train'),
  'gpu-infer': (run, stage) => onGpu('gpu-bench', run, stage, 'infer'),
  'gpu-memcheck': (run, stage) => onGpu('sanitizer', run, stage, 'memcheck'),
  'gpu-racecheck': (run, stage) => onGpu('sanitizer', run, stage, 'racecheck'),

  parity: (run, stage) => part('parity', run, stage),
  bench: (run, stage) => part('bench', run, stage)
}

const suffix = import.meta.url.endsWith('.ts') ? 'ts' : 'js'

/** Arguments of node that start a program of the kit, from source or compiled. */
function program(file: string): string[] {
  return [...(suffix === 'ts' ? ['--import', 'tsx'] : []), file]
}

/** A stage that needs a GPU; a double stands for one with small sizes. */
async function onGpu(name: string, run: Run, stage: StageReport, ...more: string[]): Promise<void> {
  const { gpu } = run
  if (!gpu) {
    stage.skipped.push('no GPU that is ready')
    return
  }
  if (gpu.double) stage.figures.push({ name: 'computed by a double of CUDA, on a CPU' })
  const given = ['--device', gpu.device, ...(gpu.double ? ['--double'] : []), ...more]
  await part(name, run, stage, given)
}

/** A stage of the kit's own: its lines are checks and figures by name. */
async function part(
  name: string,
  run: Run,
  stage: StageReport,
  given: readonly string[] = []
): Promise<void> {
  const file = fileURLToPath(new URL(`${name}.${suffix}`, import.meta.url))
  // kit/memory.ts collects garbage before it looks.
  await lines(
    ['--expose-gc', ...program(file), ...given, ...(run.brief ? ['--brief'] : [])],
    run,
    stage
  )
}

/** Takes the lines of a program into the report. */
async function lines(args: readonly string[], { grown }: Run, stage: StageReport): Promise<void> {
  const ended = await runLines(args, STAGE_LIMIT, (line) => {
    const { name, skipped, failed, ...figures } = line
    if (skipped !== undefined) stage.skipped.push(`${name}: ${skipped}`)
    else if (failed !== undefined) stage.failed.push(`${name}: ${failed}`)
    else stage.passed++
    if (skipped === undefined) stage.figures.push({ name, ...figures })
    grown()
  })
  unlessTold(stage, ended)
}

/** A process that ended badly says so, where no line of it did. */
function unlessTold(stage: StageReport, { error }: Ended): void {
  if (error !== undefined && stage.failed.length === 0) stage.failed.push(error)
}

function pytorchVersion(): string {
  if (!python) return 'none'
  const { stdout } = spawnSync(python, ['-c', 'import torch; print(torch.__version__)'])
  return String(stdout).trim()
}

/** Takes from the doctor's facts what a reader of figures must know. */
function describe(report: Report, facts: Line): void {
  const { version, node, system, cpu, cuda } = facts
  const { machine } = report
  machine.alexnode = String(version)
  machine.Node = String(Object(node).version)
  const { cpu: name, cores, threads, driver } = Object(system)
  machine.CPU = `${name}, ${cores} cores, ${threads} threads`
  if (cpu) {
    const { isa, onednn } = Object(cpu)
    machine.CPU += `, ${isa}`
    machine.oneDNN = String(onednn)
  }
  if (driver) machine.driver = String(driver)
  const { devices, libraries } = Object(cuda)
  for (const [i, { name, capability, memory }] of [devices ?? []].flat().entries()) {
    if (i === 0) report.gpu = String(name)
    machine[`cuda:${i}`] = `${name}, sm ${capability}, ${(memory / 2 ** 30).toFixed(0)} GiB`
  }
  for (const { name, version } of [libraries ?? []].flat()) {
    if (version) machine[name] = String(version)
  }
}
