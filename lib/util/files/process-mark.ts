// Who holds a lock: a process id alone may belong to another process by now (and is 1 or so again
// in each container), so on Linux it goes with what makes it unique.

import { readFileSync, readlinkSync } from 'node:fs'

/** A process, told apart from any other that had or will have its id. */
export interface ProcessMark {
  readonly pid: number
  /** The world in which the id counts: boot and id namespace on Linux, else empty. */
  readonly world: string
  /** When the process began, in the kernel's clock ticks on Linux, else empty. */
  readonly began: string
}

/** The mark of this process. */
export function ownMark(): ProcessMark {
  return { pid: process.pid, world: world(), began: beganAt(process.pid) ?? '' }
}

/** Whether a process lives; `unknown` when its id counts in another world, as a container. */
export function isAlive(mark: ProcessMark): 'yes' | 'no' | 'unknown' {
  if (mark.world !== world()) return 'unknown'
  try {
    process.kill(mark.pid, 0)
  } catch (error) {
    // EPERM: it lives and belongs to another user.
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
 * When a process began: field 22 of /proc/PID/stat, empty for one that is dead and not collected
 * yet (field 3 is Z). Undefined where it cannot be read: no Linux, or processes hidden by hidepid.
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
