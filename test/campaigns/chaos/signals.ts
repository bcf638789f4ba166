/** SIGINT, SIGTERM and SIGHUP at each stage of each command: it ends within two seconds, and nothing is half done. */
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Case } from './cases.ts'
import type { Command } from './commands.ts'
import { clearError, run, start, told } from './launch.ts'
import type { Subject } from './subject.ts'
import { Waited } from './waited.ts'

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

/** What a command may take to end, in milliseconds, without what its threads waited for a processor. */
const MOST = 2000
/** After so long it is ended by force. */
const HANGS = 60_000
/** What is watched of commands that take long. */
const LONGEST = 5000

/** @param stages moments of each command */
export function signalCases(
  commands: readonly Command[],
  folder: string,
  { stages, signals = Object.keys(SIGNALS) }: { stages: number; signals?: readonly string[] }
): Case[] {
  const lengths = new Map<string, Promise<number>>()
  return commands.flatMap((command) =>
    Array.from({ length: stages }, (_, stage) => stage).flatMap((stage) =>
      signals.map((signal) => ({
        part: 'signals',
        name: `${command.name}, ${signal}, stage ${stage + 1} of ${stages}`,
        async run() {
          const length = lengths.get(command.name) ?? lengthOf(command, folder)
          lengths.set(command.name, length)
          const moment = ((stage + 0.5) / stages) * (await length)
          const out = join(folder, `${command.name}-${signal}-${stage}`)
          return signalled(command, out, { signal: nameOf(signal), moment })
        }
      }))
    )
  )
}

function nameOf(signal: string): keyof typeof SIGNALS {
  return signal === 'SIGINT' || signal === 'SIGTERM' ? signal : 'SIGHUP'
}

/** Milliseconds that a command takes, as far as they are watched. */
async function lengthOf({ name, args }: Command, folder: string): Promise<number> {
  const begun = performance.now()
  const started = start(args(join(folder, `${name}-whole`)))
  await Promise.race([started.ended, sleep(LONGEST)])
  started.process.kill('SIGKILL')
  await started.ended
  return performance.now() - begun
}

async function signalled(
  { args, again }: Command,
  out: string,
  { signal, moment }: { signal: keyof typeof SIGNALS; moment: number }
) {
  const started = start(args(out))
  const early = await Promise.race([started.ended, sleep(moment)])
  const begun = performance.now()
  const waited = new Waited(started.process.pid)
  started.process.kill(signal)
  const ended = await Promise.race([started.ended, sleep(HANGS)])
  const took = performance.now() - begun - waited.end()
  if (!ended) {
    started.process.kill('SIGKILL')
    throw new Error(`expected an end in ${MOST} ms, got none; ${told(await started.ended)}`)
  }
  if (took > MOST) throw new Error(`expected an end in ${MOST} ms, got ${took}; ${told(ended)}`)
  const { code } = ended
  const by = code === SIGNALS[signal] || ended.signal === signal
  if (!by && code !== 0) clearError(ended)
  if (again) await again(out)
  else await endsWell(args(out))
  return { [by ? 'ended by the signal' : 'done by then']: 1, milliseconds: early ? 0 : took }
}

async function endsWell(args: readonly string[]): Promise<void> {
  const ended = await run(args)
  if (ended.code !== 0) throw new Error(`expected it to work again, got ${told(ended)}`)
}

/** A run with a pipe in place of control.json: reading it would hang in a system call. */
export function pipeCases(subject: Subject, folder: string): Case[] {
  return Object.keys(SIGNALS).map((signal) => ({
    part: 'signals',
    name: `train with a pipe as control.json, ${signal}`,
    async run() {
      const out = join(folder, signal)
      mkdirSync(out)
      execFileSync('mkfifo', [join(out, 'control.json')])
      const args = () => subject.args(out)
      const command = { name: 'train', args, again: () => subject.finish(out) }
      return signalled(command, out, { signal: nameOf(signal), moment: subject.length / 2 })
    }
  }))
}
