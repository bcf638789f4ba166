/** Commands of package managers that run alexnode's program or install the package again. */
import { existsSync } from 'node:fs'
import { join, sep } from 'node:path'

/** Commands of a package manager. */
export interface Manager {
  /** Runs the program of the installed package. */
  readonly program: string
  /** Installs the package again after its folder was removed. */
  readonly install: string
}

/** True if the package's folder is a clone of the repository. */
export const isClone = (root: string) => existsSync(join(root, 'scripts/setup.cjs'))

/** The manager that installed the package in `root`; npm if there is no sign of another. */
export function managerOf(root: string): Manager {
  if (process.versions.pnp !== undefined) return { program: 'yarn alexnode', install: 'yarn' }
  if (root.split(sep).includes('.pnpm')) {
    return { program: 'pnpm exec alexnode', install: 'pnpm install --force' }
  }
  return { program: 'npx alexnode', install: 'npm install' }
}

/** A sentence with the command that compiles the addon. */
export function compileIt(root: string): string {
  if (process.platform === 'win32')
    return 'alexnode does not run on Windows itself: run it in WSL 2.'
  if (isClone(root)) return `Compile it: \`node ${join(root, 'scripts/setup.cjs')}\`.`
  return `Compile it: \`${managerOf(root).program} build\`, which says first what that needs.`
}

/** A sentence with the command that installs the prebuilt addon again. */
export function installAgain(root: string): string {
  if (isClone(root)) return 'Build it again: `npm run prebuilds`.'
  return `Install the package again: \`rm -rf "${root}" && ${managerOf(root).install}\`.`
}
