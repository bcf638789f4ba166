/** Builds faults.c, which brings faults into a process: kills within a write, a full disk, a wrong clock. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

/** What goes wrong, and when. */
export interface Fault {
  /** Calls that change files below it are counted. */
  readonly dir: string
  /** The number of the call. */
  readonly at: number
  /** `kill` before the call, or after `half` of it; the disk is `full` from then on, or for this call `once`. */
  readonly kind: 'kill' | 'half' | 'full' | 'once'
}

export class Faults {
  readonly #library: string

  private constructor(library: string) {
    this.#library = library
  }

  /** Compiles the library into a folder. @returns why there can be none, in words, if that is so */
  static make(folder: string): Faults | string {
    if (process.platform !== 'linux') return 'faults are brought into processes on Linux only'
    const library = join(folder, 'faults.so')
    const source = join(import.meta.dirname, 'faults.c')
    const args = ['-shared', '-fPIC', '-O2', '-Wall', '-Werror', '-o', library, source, '-ldl']
    const { error, status, stderr } = spawnSync('cc', args, { encoding: 'utf8' })
    if (error) return `no C compiler (cc): ${error.message}`
    if (status !== 0) throw new Error(`expected faults.c to compile, got ${stderr}`)
    return new Faults(library)
  }

  /** The environment of a process that meets the fault. */
  environment({ dir, at, kind }: Fault): NodeJS.ProcessEnv {
    return { LD_PRELOAD: this.#library, FAULT_DIR: dir, FAULT_AT: `${at}`, FAULT_KIND: kind }
  }

  /** The environment of a process that writes the number of its calls to a file. */
  counting(dir: string, file: string): NodeJS.ProcessEnv {
    return { LD_PRELOAD: this.#library, FAULT_DIR: dir, FAULT_COUNT: file }
  }

  /** The environment of a process whose clock is so many seconds ahead, from some seconds after its start on. */
  clock(ahead: number, after = 0): NodeJS.ProcessEnv {
    return { LD_PRELOAD: this.#library, FAULT_CLOCK: `${ahead}`, FAULT_AFTER: `${after}` }
  }
}
