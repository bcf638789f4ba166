/** SIGKILL for one of several ranks, at random moments: the launcher starts all again, and the weights are the same. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { writeSmallSet } from '../../idx-files.ts'
import { type Case, randomOf } from './cases.ts'
import { type Ended, run, start, told } from './launch.ts'
import { logOf } from './subject.ts'

/** Kills of a case, each of a run of its own. */
const KILLS = 2
const RANKS = 2
/** Starts of a case, for all its kills: a moment may come when the rank is no longer there. */
const STARTS = 10 * KILLS

/** An undisturbed run by ranks, which the others must be equal to. */
interface Undisturbed {
  readonly out: string
  /** Milliseconds that it takes. */
  readonly length: number
}

/** @param kills of all cases */
export function rankCases(
  folder: string,
  { kills, seed }: { readonly kills: number; readonly seed: number }
): Case[] {
  let undisturbed: Promise<Undisturbed> | undefined
  return Array.from({ length: Math.ceil(kills / KILLS) }, (_, i) => ({
    part: 'ranks',
    name: `run ${i + 1}, seed ${seed + i}`,
    async run() {
      undisturbed ??= train(folder)
      const whole = await undisturbed
      const random = randomOf(seed + i)
      const seen = { kills: 0, restarts: 0 }
      const wanted = Math.min(KILLS, kills - KILLS * i)
      for (let n = 0; seen.kills < wanted; n++) {
        if (n === STARTS) throw new Error(`expected ${wanted} kills in ${STARTS} starts`)
        const out = join(folder, `ranks-${i}-${n}`)
        const rank = Math.floor(random() * RANKS)
        const { ended, killed } = await killedAt(argsOf(folder, out), random() * whole.length, rank)
        if (ended.code !== 0) throw new Error(told(ended))
        compare(out, whole.out)
        if (!killed) continue
        seen.kills++
        seen.restarts += ended.err.match(/Restart \d+ of/g)?.length ?? 0
      }
      return seen
    }
  }))
}

async function train(folder: string): Promise<Undisturbed> {
  await writeSmallSet(join(folder, 'data'))
  const out = join(folder, 'whole')
  const begun = performance.now()
  const ended = await run(argsOf(folder, out))
  if (ended.code !== 0) throw new Error(told(ended))
  return { out, length: performance.now() - begun }
}

async function killedAt(
  args: readonly string[],
  moment: number,
  rank: number
): Promise<{ readonly ended: Ended; readonly killed: boolean }> {
  const running = start(args)
  await Promise.race([running.ended, sleep(moment)])
  const child = childOf(running.process.pid ?? 0, rank)
  const killed = child !== undefined
  if (killed) process.kill(child, 'SIGKILL')
  return { ended: await running.ended, killed }
}

/** The process of a rank that a launcher started; undefined if it is not there. */
function childOf(launcher: number, rank: number): number | undefined {
  try {
    const list = readFileSync(`/proc/${launcher}/task/${launcher}/children`, 'utf8').trim()
    return list
      .split(' ')
      .filter(Boolean)
      .map(Number)
      .find((child) =>
        readFileSync(`/proc/${child}/environ`, 'utf8').split('\0').includes(`RANK=${rank}`)
      )
  } catch {
    return undefined
  }
}

/** @throws Error unless the files are those of the undisturbed run */
function compare(out: string, whole: string): void {
  for (const file of ['weights.safetensors', 'checkpoint-00000060/optimizer.safetensors']) {
    const [now, before] = [out, whole].map((folder) => readFileSync(join(folder, file)))
    if (!now?.equals(before ?? Buffer.alloc(0))) throw new Error(`${file} differs in ${out}`)
  }
  const [now, before] = [out, whole].map(logOf)
  if (now !== before) throw new Error(`log.jsonl differs in ${out}: ${now}, not ${before}`)
}

function argsOf(folder: string, out: string): string[] {
  const launch = ['launch', '--nproc', `${RANKS}`, '--max-restarts', '3', '--']
  const net = ['--net', 'cifar', '--batch', '4', '--lr', '0.001', '--threads', '1']
  const length = ['--steps', '60', '--checkpoint-every', '7', '--validate-every', '20']
  const where = ['--device', 'cpu', '--dtype', 'f32', '--out', out]
  return [...launch, 'train', '--data', join(folder, 'data'), ...net, ...length, ...where]
}

/** Why there are no ranks here; undefined if there are. */
export function noRanks(root: string): string | undefined {
  if (process.platform !== 'linux') return 'ranks: they are found in /proc, which Linux has'
  const library = join(root, 'build/Release/libalexnode_gloo.so')
  return existsSync(library) ? undefined : `ranks: no libgloo: ${library} was not made`
}
