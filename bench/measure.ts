/** One workload: alexnode and its peers, each warm in a process of its own, in turn. */
import { median } from '../lib/util/median.ts'
import type { Contender, Facts } from './contender.ts'
import { startAlexnode, startPeer } from './peers.ts'
import { idOf, type Peer, type Workload } from './workloads.ts'

export type Side = 'alexnode' | Peer

export interface MeasureOptions {
  readonly rounds: number
  /** How long each side runs steps in a round; one at least. */
  readonly seconds: number
  readonly threads: number
  /** Where peers may be kept. */
  readonly folder: string
}

/** What one side did. */
export interface SideResult {
  /** Milliseconds of each step, by round. */
  readonly rounds: readonly (readonly number[])[]
  /** Milliseconds: the median of all. */
  readonly step_ms: number
  readonly images_per_s: number
  /** What it told of itself. */
  readonly facts: Facts
}

export interface WorkloadResult {
  readonly id: string
  readonly workload: Workload
  readonly sides: ReadonlyMap<Side, SideResult>
  /** Why a peer is not among them. */
  readonly absent: ReadonlyMap<Side, string>
  /** By round: alexnode's images/s through the fastest peer's. Their median counts. */
  readonly ratios: readonly number[]
  readonly ratio: number | undefined
}

/** Images/s of the median step. */
export function paceOf(batch: number, ms: readonly number[]): number {
  return (1000 * batch) / median(ms)
}

/** @throws Error where alexnode cannot do it; what a peer cannot is told */
export async function measure(
  workload: Workload,
  options: MeasureOptions
): Promise<WorkloadResult> {
  const { rounds, seconds, threads, folder } = options
  const { batch, peers } = workload
  const absent = new Map<Side, string>()
  const running = new Map<Side, Contender>()
  const all = new Map<Side, (readonly number[])[]>()
  try {
    running.set('alexnode', await startAlexnode(workload, threads))
    for (const peer of peers) {
      try {
        running.set(peer, await startPeer(peer, workload, threads, folder))
      } catch (error) {
        absent.set(peer, error instanceof Error ? error.message : String(error))
      }
    }
    for (let round = 0; round < rounds; round++) {
      for (const [side, contender] of running) {
        const steps = all.get(side) ?? []
        all.set(side, steps)
        steps.push(await contender.run(seconds))
      }
    }
    const sides = new Map<Side, SideResult>()
    for (const [side, contender] of running) {
      const steps = all.get(side) ?? []
      const step_ms = median(steps.flat())
      const facts = { ...contender.ready, ...(await contender.end()) }
      sides.set(side, { rounds: steps, step_ms, images_per_s: (1000 * batch) / step_ms, facts })
    }
    const ratios = ratiosOf(batch, all)
    const ratio = ratios.length > 0 ? median(ratios) : undefined
    return { id: idOf(workload), workload, sides, absent, ratios, ratio }
  } finally {
    for (const contender of running.values()) contender[Symbol.dispose]()
  }
}

function ratiosOf(batch: number, all: ReadonlyMap<Side, readonly (readonly number[])[]>): number[] {
  const peers = [...all].filter(([side]) => side !== 'alexnode')
  if (peers.length === 0) return []
  return (all.get('alexnode') ?? []).map((ours, round) => {
    const theirs = peers.map(([, rounds]) => paceOf(batch, rounds[round] ?? []))
    return paceOf(batch, ours) / Math.max(...theirs)
  })
}
