/** Finds and loads the addon's file. */
import { existsSync, readdirSync } from 'node:fs'
import module from 'node:module'
import { dirname, join, relative } from 'node:path'
import { readBinary } from './binary.ts'
import { AddonError } from './error.ts'
import type { FoundAddon } from './found-addon.ts'
import { adviceOnDamage, adviceOnFailure, adviceOnNone } from './load-advice.ts'
import { packageRoot } from './package-root.ts'

/**
 * Finds the file by node-gyp-build's rules: build/Release before prebuilds/.
 *
 * @throws AddonError if there is none for this system
 */
export function findAddon(root: string): FoundAddon {
  const nodeGypBuild: { resolve(folder: string): string } = requireHere()('node-gyp-build')
  let file: string
  try {
    file = nodeGypBuild.resolve(root)
  } catch (cause) {
    throw new AddonError(adviceOnNone(root, prebuilds(root)), undefined, cause)
  }
  const inside = relative(root, file)
  const origin = /^build\b/.test(inside)
    ? 'build'
    : /^prebuilds\b/.test(inside)
      ? 'prebuild'
      : 'elsewhere'
  return { file, origin }
}

/**
 * Loads the addon.
 *
 * @returns its exports
 * @throws AddonError if it is missing, truncated, or refused by the system's loader
 */
export function loadAddon(root: string): unknown {
  const found = findAddon(root)
  let damaged: string | undefined
  try {
    damaged = withNeighbours(found.file).find((file) => !readBinary(file).whole)
    if (damaged === undefined) return requireHere()(found.file)
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause)
    throw new AddonError(adviceOnFailure(root, found, words), found.file, cause)
  }
  throw new AddonError(adviceOnDamage(root, found, damaged), found.file)
}

/**
 * Makes a `require` on demand: in a CommonJS bundle packageRoot throws first, with the better error. Called on the
 * module, since webpack replaces a `createRequire` that is imported by name.
 */
const requireHere = () => module.createRequire(join(packageRoot(), 'package.json'))

const list = (folder: string) => (existsSync(folder) ? readdirSync(folder) : [])

/** The addon and the libraries beside it. */
function withNeighbours(file: string): string[] {
  const folder = dirname(file)
  const libraries = list(folder).filter((name) => /^lib.*\.(so[.\d]*|dylib)$/.test(name))
  return [file, ...libraries.map((name) => join(folder, name))]
}

/** Prebuilt binaries of the package, such as linux-x64/alexnode.glibc.node. */
function prebuilds(root: string): string[] {
  return list(join(root, 'prebuilds')).flatMap((system) =>
    list(join(root, 'prebuilds', system))
      .filter((file) => file.endsWith('.node'))
      .map((file) => `${system}/${file}`)
  )
}
