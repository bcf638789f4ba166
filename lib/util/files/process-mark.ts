/**
 * Identifies the process that holds a lock. A process id may be reused, and is small in every container; on Linux
 * the mark adds what makes it unique.
 */

import { readFileSync, readlinkSync } from 'node:fs'

/** A process, distinct from others with the same id before or after. */
export interface ProcessMark {
  /** Process id. */
  readonly pid: number
  /** Scope of the id: boot and pid namespace on Linux, else empty. */
  readonly world: string
  /** Start time of the process in clock ticks on Linux, else empty. */
  readonly began: string
}

/** The mark of this process. */
export function ownMark(): ProcessMark {
  return { pid: process.pid, world: world(), began: beganAt(process.pid) ?? '' }
}

/** Tells if a process is alive; `unknown` if its id belongs to another scope, such as a container. */
export function isAlive(mark: ProcessMark): 'yes' | 'no' | 'unknown' {
  if (mark.world !== world()) return 'unknown'
  try {
    process.kill(mark.pid, 0)
  } catch (error) {
    // EPERM: it is alive and belongs to another user.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return 'no'
  }
  const began = beganAt(mark.pid)
  return began === undefined || began === mark.began ? 'yes' : 'no'
}

function world(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return ''
  }
}

/**
 * Start time: field 22 of /proc/PID/stat, empty for a zombie (field 3 is Z). Undefined if it cannot be read: not
 * Linux, or processes hidden by hidepid.
 */
function beganAt(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field, the name, may hold spaces and brackets.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? '' : (fields[19] ?? '')
  } catch {
    return undefined
  }
}
