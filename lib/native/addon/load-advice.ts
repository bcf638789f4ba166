/** Explains why the addon does not load, and names the command that repairs it. */
import { basename } from 'node:path'
import { readBinary } from './binary.ts'
import type { Advice } from './error.ts'
import type { FoundAddon } from './found-addon.ts'
import { glibc } from './glibc.ts'
import { compileIt, installAgain } from './manager.ts'

/** Variables that make node-gyp-build search elsewhere, or for another system. */
const redirecting = ['ALEXNODE_PREBUILD', 'npm_config_platform', 'npm_config_arch']

/**
 * Advice if no binary fits this system.
 * @param prebuilds the prebuilt ones, such as linux-x64/alexnode.glibc.node
 */
export function adviceOnNone(root: string, prebuilds: readonly string[]): Advice {
  const system = `${process.platform}-${process.arch}`
  const forSystem = prebuilds.filter((file) => file.startsWith(`${system}/`))
  const looked =
    `Looked for a binary for ${describeSystem()} in build/Release/ and prebuilds/ of ${root}; ` +
    `prebuilt there: ${prebuilds.join(', ') || 'nothing'}.`
  const set = redirecting.filter((name) => process.env[name])
  if (set.length > 0) {
    const names = set.join(' and ')
    return {
      problem: `none was found where the environment's ${names} ${set.length > 1 ? 'say' : 'says'} to look.`,
      looked: `${looked}\n${set.map((name) => `${name} is '${process.env[name]}'.`).join(' ')}`,
      mend: `Unset ${names}, or let ALEXNODE_PREBUILD name a folder with a whole prebuilds/.`
    }
  }
  if (forSystem.length > 0) {
    const libcs = ['glibc', 'musl'].filter((libc) => forSystem.some((file) => file.includes(libc)))
    return {
      problem: `it is prebuilt for Linux with ${libcs.join(' and ')}, and this system's C library is another (${libcs.includes('glibc') ? 'musl, as on Alpine' : 'glibc'}).`,
      looked,
      mend: compileIt(root)
    }
  }
  return {
    problem: `no binary is prebuilt for ${system}, and none was compiled.`,
    looked,
    mend: compileIt(root)
  }
}

/**
 * Advice on a binary that the system's loader refused.
 * @param words the loader's message
 */
export function adviceOnFailure(root: string, found: FoundAddon, words: string): Advice {
  const looked = `Loaded ${where(found)}. The loader said: ${words}`
  const compile = found.origin === 'elsewhere' ? otherPlace : compileIt(root)
  const again = makeAgain(root, found)
  const say = (problem: string, mend: string): Advice => ({ problem, looked, mend })

  if (/failed to map segment|operation not permitted|permission denied/i.test(words)) {
    return say(
      'this system does not let the file be loaded.',
      'Make it readable to this user, or mount its file system without noexec.'
    )
  }
  const { target } = readBinary(found.file)
  if (target === undefined) return say('its file is no binary.', again)
  if (target !== `${process.platform}-${process.arch}`) {
    return say(
      `it was built for ${target}, and this Node runs on ${process.platform}-${process.arch}.`,
      `Was node_modules copied from another machine? ${again}`
    )
  }
  if (/libc\.musl|ld-musl/.test(words)) {
    return say('it was built for musl (Alpine), and this system has glibc.', compile)
  }
  // Messages of musl's loader about glibc. It may complain of another library first.
  const fromGlibc = process.platform === 'linux' && basename(found.file).includes('.glibc.')
  if (
    /ld-linux|Error relocating|libc\.so\.6: No such file/.test(words) ||
    (fromGlibc && glibc() === undefined)
  ) {
    return say('it was built for glibc, and this system has musl (Alpine).', compile)
  }
  const version = /version [`'](\w+)_([\d.]+)' not found/.exec(words)
  if (version) {
    const [, library = '', needed = ''] = version
    const names: Readonly<Record<string, string>> = {
      GLIBC: 'glibc',
      GLIBCXX: 'libstdc++ (GLIBCXX)',
      CXXABI: 'libstdc++ (CXXABI)'
    }
    const has = library === 'GLIBC' && glibc() ? `; this system has ${glibc()}` : ''
    return say(
      `it needs ${names[library] ?? library} ${needed} or newer${has}.`,
      `Use a newer system (Debian 12, Ubuntu 22.04, RHEL 9 and later will do), or compile it here. ${compile}`
    )
  }
  const damaged = /(\S+\.so[.\d]*): (?:file too short|invalid ELF header)/.exec(words)
  if (damaged) return say(`a library that it needs is damaged: ${damaged[1]}.`, again)
  const library = /(?:^|[\s:(])([^\s:/(]+\.so[.\d]*): cannot open shared object file/.exec(words)
  if (library) {
    return say(`a library that it needs, ${library[1]}, was not found.`, again)
  }
  const symbol = /undefined symbol: (\S+)/.exec(words)
  if (symbol) {
    return say(
      `a symbol that it needs, ${symbol[1]}, was not found: it was built with another version of a library.`,
      again
    )
  }
  return say('the loader refused it.', again)
}

/** Advice on an addon, or a library beside it, that is truncated. */
export function adviceOnDamage(root: string, found: FoundAddon, damaged: string): Advice {
  return {
    problem: `the file ${basename(damaged)} is damaged: it is shorter than it says.`,
    looked: `Was about to load ${where(found)}.`,
    mend: makeAgain(root, found)
  }
}

const where = ({ file, origin }: FoundAddon) =>
  `${file} (${origins[origin]}) on ${describeSystem()}`

function makeAgain(root: string, { origin }: FoundAddon): string {
  if (origin === 'elsewhere') return otherPlace
  return origin === 'prebuild' ? installAgain(root) : compileIt(root)
}

const otherPlace =
  'Unset ALEXNODE_PREBUILD if it is set, or point it to a folder with a whole prebuilds/; else take away ' +
  'the prebuilds/ beside Node.'

const origins = {
  build: 'compiled in place',
  prebuild: 'prebuilt, from the package',
  elsewhere: 'from outside the package'
} as const

function describeSystem(): string {
  const libc = process.platform === 'linux' ? `, ${glibc() ? `glibc ${glibc()}` : 'no glibc'}` : ''
  return `${process.platform}-${process.arch}${libc}, Node ${process.version}`
}
