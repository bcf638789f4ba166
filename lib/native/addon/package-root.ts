/** The package's folder, which holds the addon; or an error, where a bundler took the code out of it. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AddonError, type Advice } from './error.ts'

/** As package.json has it. */
const NAME = 'alexnode'

/**
 * The package's folder: this file lies below lib/ in a clone, and below dist/lib/ in a package.
 *
 * @param url - of this file; a bundler that writes CommonJS leaves it undefined
 * @throws AddonError where the nearest package.json above is not the package's own: the code was bundled
 */
export function packageRoot(url: string | undefined = import.meta.url): string {
  const file = url?.startsWith('file:') ? fileURLToPath(url) : undefined
  const nearest = file === undefined ? undefined : nearestPackage(dirname(file))
  if (nearest?.name === NAME) return nearest.folder
  throw new AddonError(adviceOnBundle(file ?? url, nearest))
}

interface Nearest {
  readonly folder: string
  /** Undefined: its package.json tells none. */
  readonly name: string | undefined
}

/** The nearest folder with a package.json, from `folder` up to the root of the file system. */
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

/** `from`: where the code runs, if that is known. */
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
      "webpack: externals: { alexnode: 'node-commonjs alexnode' }",
      "Vite, Rollup: build.rollupOptions.external: ['alexnode'] (Rollup: external); in Vite's SSR ssr.external: ['alexnode']",
      "Next.js: serverExternalPackages: ['alexnode']"
    ].join('\n')
  }
}
