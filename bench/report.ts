/** What `npm run bench` prints as it goes, 80 columns wide, and what it keeps. */
import { pace } from '../lib/cli/shared/format.ts'
import { median } from '../lib/util/median.ts'
import { type Limits, shareOf } from './limits.ts'
import type { Machine } from './machine.ts'
import type { Side, SideResult, WorkloadResult } from './measure.ts'
import { idOf } from './workloads.ts'

/** What bench/feeding.ts tells. */
export interface Feeding {
  /** Size of the stored images. */
  readonly data: string
  readonly waited_ms: readonly number[]
}

const say = (line: string) => process.stdout.write(`${line}\n`)

/** Left, then right-aligned columns. */
function row(name: string, cells: readonly string[], verdict: string): string {
  return `${name.padEnd(32)}${cells.map((cell) => cell.padStart(8)).join('')} ${verdict}`.trimEnd()
}

export function printHead(machine: Machine, limits: Limits): void {
  const { model, cores, isa, threads } = machine
  const bf16 = limits.bf16_gflops
    ? `${limits.bf16_gflops.toFixed(0)} GFLOP/s in bf16`
    : 'bf16 not here'
  say(`CPU       ${model}, ${cores} cores, ${threads} threads, ${isa}`)
  say(`Limits    ${limits.sgemm_gflops.toFixed(0)} GFLOP/s in f32, ${bf16}`)
  say(`          ${limits.triad_gb_per_s.toFixed(1)} GB/s`)
  say('')
  say('images/s; × is alexnode through the fastest peer')
  say(row('', ['alexnode', 'PyTorch', 'onnxrt', '×'], 'at least'))
}

/** Whether a mark that was set is reached; those of bf16 are for AMX. */
export function verdictOf({ workload, ratio }: WorkloadResult, amx: boolean): string {
  if (ratio === undefined) return 'no peer'
  if (ratio >= workload.mark) return 'met'
  return workload.dtype === 'bf16' && !amx ? 'no AMX here' : 'not met'
}

export function printResult(result: WorkloadResult, amx: boolean): void {
  const { workload, sides, ratio, absent } = result
  const { mark } = workload
  const cell = (side: Side) => {
    const its = sides.get(side)
    return its ? pace(its.images_per_s) : '–'
  }
  const cells = [cell('alexnode'), cell('PyTorch'), cell('onnxruntime'), ratio?.toFixed(2) ?? '–']
  const name = idOf(workload).replaceAll('-', ' ')
  say(row(name, cells, `${mark} ${verdictOf(result, amx)}`))
  for (const [side, why] of absent) say(`  ${side}: ${why.split('\n').at(-1)?.slice(0, 66)}`)
}

/** The most memory that a side's process held, in MB of 2²⁰ bytes. */
function peakOf(side: SideResult | undefined): number | undefined {
  const peak = Number(side?.facts.peak_rss_mb)
  return Number.isFinite(peak) ? peak : undefined
}

const at = (value: unknown, digits = 0) => {
  const number = Number(value)
  return Number.isFinite(number) ? number.toFixed(digits) : '–'
}

/** Memory, the host's part, reorders and waiting, once all is measured. */
export function printRest(
  results: readonly WorkloadResult[],
  feeding: Feeding | undefined,
  amx: boolean
): void {
  const weighed = results.filter(({ workload }) => workload.memory !== undefined)
  if (weighed.length > 0) {
    say('')
    say(row('MB of memory', ['alexnode', 'plan', 'PyTorch', ''], 'at most'))
  }
  for (const { workload, sides } of weighed) {
    const { memory } = workload
    const ours = sides.get('alexnode')
    const peak = peakOf(ours)
    const verdict = (peak ?? 0) <= (memory ?? Infinity) ? 'met' : 'not met'
    const cells = [at(peak), at(ours?.facts.planned_mb), at(peakOf(sides.get('PyTorch'))), '']
    say(row(idOf(workload).replaceAll('-', ' '), cells, `${at(memory)} ${verdict}`))
  }
  if (results.some(({ workload }) => workload.mode === 'train')) {
    say('')
    say(row('a step outside of its ops', ['µs', '%', '', 'reorders'], 'below'))
  }
  for (const { workload, sides } of results) {
    const ours = sides.get('alexnode')
    if (!ours || workload.mode !== 'train') continue
    const outside = Number(ours.facts.outside_ms)
    const share = (100 * outside) / ours.step_ms
    const cells = [at(outside * 1000), at(share, 2), '', at(ours.facts.reorders)]
    const verdict = share < 1 ? 'met' : 'not met'
    say(row(idOf(workload).replaceAll('-', ' '), cells, `1 % ${verdict}`))
  }
  if (feeding) {
    const { waited_ms, data } = feeding
    const late = waited_ms.slice(1).filter((ms) => ms > 0.5).length
    const verdict = late === 0 ? 'met' : 'not met'
    say('')
    say(`Data      ${data} to 224, mirrored, normalised: ${late} of ${waited_ms.length - 1} steps`)
    say(`          waited for their images, ${at(median(waited_ms.slice(1)), 2)} ms: ${verdict}`)
  }
  const blas = results.map(({ sides }) => sides.get('PyTorch')?.facts.blas).find(Boolean)
  if (blas !== undefined) {
    say('')
    say(`PyTorch multiplies by ${blas}`)
    if (!/openblas|mkl/.test(String(blas)))
      say("That is far from its best: install OpenBLAS (Debian's libopenblas0-openmp).")
  }
  if (!amx) {
    say('')
    say('This machine has no AMX, for which the marks of bf16 are.')
  }
}

/** A workload as bench/results/cpu.json has it. */
export function resultJson(result: WorkloadResult, limits: Limits, amx: boolean) {
  const { id, workload, sides, absent, ratios, ratio } = result
  const ours = sides.get('alexnode')
  const layers = ours?.facts.per_layer
  const { per_layer: _, ...facts } = ours?.facts ?? {}
  return {
    id,
    ...workload,
    ratio,
    ratios,
    verdict: verdictOf(result, amx),
    sides: Object.fromEntries(
      [...sides].map(([side, its]) => [side, { ...its, ...(side === 'alexnode' && { facts }) }])
    ),
    ...(absent.size > 0 && { absent: Object.fromEntries(absent) }),
    per_layer: (Array.isArray(layers) ? layers : []).map((layer) => ({
      ...layer,
      share_of_limit: shareOf(layer, limits, workload.dtype)
    }))
  }
}
