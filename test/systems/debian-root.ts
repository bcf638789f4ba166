/**
 * Debian in a folder of its own, made by debootstrap. The system around it is left as it is: programs run in
 * it by chroot, in namespaces of their own, so that their mounts, and what they leave running, go with them.
 */
import { spawn, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import { endOf } from './ended.ts'
import { root as clone } from './place.ts'
import type { Ended } from './scenario.ts'

/** Where Debian keeps all certificates that it trusts. */
const certificates = '/etc/ssl/certs/ca-certificates.crt'

/** Debian's versions, by their names there. */
export const suites: Readonly<Record<string, string>> = {
  bookworm: 'Debian 12',
  trixie: 'Debian 13'
}

/** Why there can be no such root on this machine. */
export function noRoot(): string | undefined {
  const has = (program: string) => spawnSync('which', [program]).status === 0
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `it is made on linux-x64, and this is ${process.platform}-${process.arch}`
  }
  if (process.getuid?.() !== 0) return 'only root can make it: try again with sudo'
  if (!has('debootstrap')) return 'debootstrap is missing: apt-get install debootstrap'
  if (spawnSync('unshare', ['--mount', '--pid', '--fork', 'true']).status !== 0) {
    return 'this system does not permit namespaces of its own for mounts (unshare --mount)'
  }
  return undefined
}

export interface DebianRootOptions {
  readonly folder: string
  /** Debian's name of the version: bookworm is 12, trixie 13. */
  readonly suite: string
  /** Packages to install; with `:arm64` behind the name for another architecture. */
  readonly packages: readonly string[]
  /** Architectures beside amd64. */
  readonly architectures?: readonly string[]
}

export class DebianRoot {
  readonly folder: string
  readonly #options: DebianRootOptions

  constructor(options: DebianRootOptions) {
    this.folder = options.folder
    this.#options = options
  }

  /** What a path of the root is called outside of it. */
  outside(path: string): string {
    return join(this.folder, path)
  }

  /** Makes the system, as far as an earlier run did not leave it. */
  make(): void {
    const { suite, packages, architectures = [] } = this.#options
    const stamp = this.outside('ready')
    const wanted = [...architectures, ...packages].join(' ')
    if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
    if (!existsSync(this.folder)) {
      const making = `${this.folder}.making`
      rmSync(making, { recursive: true, force: true })
      mkdirSync(making, { recursive: true })
      // Its mounts go with it, too, should it be cut short.
      quietly('unshare', ['--mount', 'debootstrap', '--variant=minbase', suite, making])
      renameSync(making, this.folder)
    }
    for (const architecture of architectures) {
      this.quietly(['dpkg', '--add-architecture', architecture])
    }
    this.quietly(['apt-get', 'update', '-q'])
    this.quietly(['apt-get', 'install', '-qy', '--no-install-recommends', ...packages])
    this.quietly(['apt-get', 'clean'])
    // This system may trust a proxy of its own.
    if (existsSync(certificates) && packages.includes('ca-certificates')) {
      copyFileSync(certificates, this.outside(certificates))
    }
    writeFileSync(stamp, wanted)
  }

  /** Runs a program in it. @throws with the end of what it said */
  quietly(command: readonly string[], cwd?: string): void {
    quietly(...this.entering(command, cwd))
  }

  /** Runs a program in it to its end, however long that takes. */
  run(command: readonly string[], cwd?: string): Promise<Ended> {
    return ended(...this.entering(command, cwd))
  }

  /** The command that runs a program in it. Its environment is Debian's, with the proxies and certificates of this one. */
  entering(command: readonly string[], cwd = '/'): [string, string[]] {
    const script =
      'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && root=$0 && cd=$1 && shift && ' +
      'exec chroot "$root" sh -c \'cd "$0" && exec "$@"\' "$cd" "$@"'
    const outer = Object.entries(process.env).filter(([name]) => /^(https?|no)_proxy$/i.test(name))
    const clean = {
      ...Object.fromEntries(outer),
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: '/root',
      LANG: 'C.UTF-8',
      NODE_EXTRA_CA_CERTS: certificates,
      DEBIAN_FRONTEND: 'noninteractive'
    }
    const env = Object.entries(clean).map(([name, value]) => `${name}=${value}`)
    const spaces = ['--mount', '--pid', '--fork', '--kill-child']
    const inside = ['sh', '-c', script, this.folder, cwd, ...command]
    return ['unshare', [...spaces, 'env', '-i', ...env, ...inside]]
  }
}

/** Runs a program to its end, however long that takes. */
export function ended(program: string, args: readonly string[]): Promise<Ended> {
  return endOf(spawn(program, args, { cwd: clone, stdio: ['ignore', 'pipe', 'pipe'] }))
}

/** @throws with the end of what the program said */
export function quietly(program: string, args: readonly string[], cwd = clone): void {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 2 ** 28
  })
  if (error) throw error
  if (status === 0) return
  const said = `${stdout}\n${stderr}`.trim().slice(-3000)
  throw new Error(`${program} ${args.join(' ').slice(0, 200)} … ended with ${status}:\n${said}`)
}
