/** The machine that figures are of. */
import { readFile } from 'node:fs/promises'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { cpuInfo } from '../lib/native/binding.ts'

export interface Machine {
  readonly model: string
  readonly cores: number
  readonly threads: number
  /** MB of 2²⁰ bytes. */
  readonly memory: number
  /** Of the processor, as Linux names them. */
  readonly flags: readonly string[]
  /** The widest instruction set that is used. */
  readonly isa: string
}

export async function machineOf(threads: number): Promise<Machine> {
  const info = await readFile('/proc/cpuinfo', 'utf8').catch(() => '')
  const flags = /^flags\s*: (.*)$/m.exec(info)?.[1]?.split(' ') ?? []
  return {
    model: cpus()[0]?.model ?? '',
    cores: availableParallelism(),
    threads,
    flags,
    memory: Math.round(totalmem() / 2 ** 20),
    isa: cpuInfo.isa
  }
}
