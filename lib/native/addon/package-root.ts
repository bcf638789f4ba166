/** Finds the package's folder, which holds the addon. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AddonError, type Advice } from './error.ts'

/** Name in package.json. */
const NAME = 'alexnode'

/**
 * Finds the nearest package.json above this file, which is below lib/ in a clone and below dist/lib/ in a package.
 *
 * @param url address of this file; undefined in a CommonJS bundle
 * @throws AddonError if that package.json is not alexnode's: the code was bundled
 */
export function packageRoot(url: string | undefined = import.meta.url): string {
  const file = url?.startsWith('file:') ? fileURLToPath(url) : undefined
  const nearest = file === undefined ? undefined : nearestPackage(dirname(file))
  if (nearest?.name === NAME) return nearest.folder
  throw new AddonError(adviceOnBundle(file ?? url, nearest))
}

interface Nearest {
  readonly folder: string
  /** Name of the package, if its package.json has one. */
  readonly name: string | undefined
}

/** The nearest folder with a package.json, from `folder` upwards. */
function nearestPackage(folder: string): Nearest | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const text = textOf(join(at, 'package.json'))
    if (text !== undefined) return { folder: at, name: nameIn(text) }
    if (dirname(at) === at) return undefined
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

function nameIn(text: string): string | undefined {
  try {
    const { name }: { name?: unknown } = JSON.parse(text)
    return typeof name === 'string' ? name : undefined
  } catch {
    return undefined
  }
}

/**
 * Advice on bundled code.
 * @param from the running file, if it is known
 */
function adviceOnBundle(from: string | undefined, nearest: Nearest | undefined): Advice {
  const found = nearest
    ? `found that of ${nearest.name ?? 'a package without a name'} in ${nearest.folder}`
    : 'found none'
  return {
    problem: "alexnode's code was bundled, and its addon cannot be.",
    looked:
      from === undefined
        ? "Looked for alexnode's package.json above the running file, whose place the bundle does not tell."
        : `Looked for alexnode's package.json above ${from}: ${found}.`,
    mend: [
      "Mark 'alexnode' as external in the bundler, and install it where the bundle runs:",
      'esbuild: --external:alexnode',
      "webpack: externals: /^alexnode/, externalsType: 'node-commonjs'",
      "Vite, Rollup: build.rollupOptions.external: [/^alexnode/] (Rollup: external); in Vite's SSR ssr.external: ['alexnode']",
      "Next.js: serverExternalPackages: ['alexnode']"
    ].join('\n')
  }
}
