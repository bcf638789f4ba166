/** The cases of the whole campaign, or of a short form of it. */
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Case } from './cases.ts'
import { clockCases } from './clock.ts'
import { commandsOn } from './commands.ts'
import { Faults } from './faults.ts'
import { fullDiskCases } from './full-disk.ts'
import { killCases } from './kills.ts'
import { root, told } from './launch.ts'
import { noRanks, rankCases } from './ranks.ts'
import { pipeCases, signalCases } from './signals.ts'
import { Subject } from './subject.ts'
import { terminalCases } from './terminal.ts'
import { twoRunCases } from './two-runs.ts'

/** How large a campaign is. */
export interface Size {
  readonly seed: number
  /** SIGKILLs in all. */
  readonly kills: number
  /** SIGKILLs of one of several ranks. */
  readonly rankKills: number
  /** The disk is full at each nth call. */
  readonly everyCall: number
  /** Rounds of several processes in one folder. */
  readonly rounds: number
  /** Moments of each command that a signal comes at. */
  readonly stages: number
}

export const whole: Omit<Size, 'seed'> = {
  kills: 200,
  rankKills: 20,
  everyCall: 1,
  rounds: 24,
  stages: 6
}

/** A campaign that is ready. */
export interface Campaign {
  /** Holds what it writes. */
  readonly folder: string
  readonly cases: readonly Case[]
  /** What cannot be tried here, and why. */
  readonly skipped: readonly string[]
}

/**
 * Makes what the cases need. Takes some seconds.
 * @param only the part that is wanted. Default: all
 */
export async function prepareCampaign(size: Size, only?: string): Promise<Campaign> {
  const { seed, kills, rankKills, everyCall, rounds, stages } = size
  const folder = mkdtempSync(join(tmpdir(), 'alexnode-chaos-'))
  const subject = await Subject.make(folder)
  const faults = Faults.make(folder)
  const place = (name: string) => {
    const path = join(folder, name)
    mkdirSync(path)
    return path
  }
  const signalled = only === undefined || only === 'signals'
  const commands = signalled ? await commandsOn(subject, place('used')) : []
  const cases: Case[] = []
  if (typeof faults === 'string') {
    cases.push(...killCases(subject, place('kills'), { kills, seed, calls: 0 }))
  } else {
    const calls = await callsOf(subject, faults, folder)
    cases.push(
      ...killCases(subject, place('kills'), { kills, seed, calls, faults }),
      ...fullDiskCases(subject, place('full'), { calls, faults, every: everyCall }),
      ...clockCases(subject, place('clock'), faults)
    )
  }
  cases.push(
    ...twoRunCases(subject, place('two'), { rounds, seed }),
    ...signalCases(commands, place('signals'), { stages }),
    ...pipeCases(subject, place('pipes')),
    ...terminalCases(subject, place('terminal'))
  )
  const skipped =
    typeof faults === 'string' ? [`kills within a write, full disk, clock: ${faults}`] : []
  const absent = noRanks(root)
  if (absent !== undefined) skipped.push(absent)
  else cases.push(...rankCases(place('ranks'), { kills: rankKills, seed }))
  return { folder, cases, skipped }
}

/** The number of calls by which an undisturbed run changes files. */
async function callsOf(subject: Subject, faults: Faults, folder: string): Promise<number> {
  const [out, file] = [join(folder, 'counted'), join(folder, 'calls')]
  const ended = await subject.run(out, faults.counting(out, file))
  if (ended.code !== 0) throw new Error(told(ended))
  return Number(readFileSync(file, 'utf8'))
}
