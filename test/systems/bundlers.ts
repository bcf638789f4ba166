/** A user's server in a bundle: with alexnode marked as external, and without. */
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { match, same } from './expect.ts'
import { add, install, trained } from './project.ts'
import type { Place, Scenario } from './scenario.ts'

interface Bundler {
  /** With its version. */
  readonly tool: string
  /** What the error tells to write for it. */
  readonly advice: RegExp
  /** Brings it into the project, and gives what bundles server.mjs: the name of the bundle. */
  prepare(place: Place): Promise<(marked: boolean) => Promise<string>>
}

const environment = (marked: boolean) => ({ env: marked ? { MARKED: 'marked' } : {} })

/** esbuild, to a module or to CommonJS, where a file does not know its place. */
const esbuild = (format: 'esm' | 'cjs'): Bundler => ({
  tool: `esbuild 0.28.2 (${format})`,
  advice: /^esbuild: --external:alexnode$/m,
  async prepare(place) {
    const program = join(await place.tool('esbuild', '0.28.2'), 'bin/esbuild')
    return async (marked) => {
      const name = format === 'esm' ? 'bundle.mjs' : 'bundle.cjs'
      const args = ['server.mjs', '--bundle', '--platform=node', `--format=${format}`]
      const external = marked ? ['--external:alexnode'] : []
      const quiet = ['--log-level=error', `--outfile=out/${name}`]
      await place.ok('node', [program, ...args, ...external, ...quiet])
      return name
    }
  }
})

const webpack: Bundler = {
  tool: 'webpack 5.113.0',
  advice: /^webpack: externals: \/\^alexnode\/, externalsType: 'node-commonjs'$/m,
  async prepare(place) {
    const folder = await place.tool('webpack', '5.113.0')
    return async (marked) => {
      await place.ok('node', ['webpack.cjs', folder, marked ? 'marked' : 'not'])
      return 'bundle.cjs'
    }
  }
}

const vite: Bundler = {
  tool: 'Vite 8.4.0',
  advice: /in Vite's SSR ssr\.external: \['alexnode'\]/,
  async prepare(place) {
    const program = join(await place.tool('vite', '8.4.0'), 'bin/vite.js')
    return async (marked) => {
      await place.ok('node', [program, 'build'], environment(marked))
      return 'bundle.mjs'
    }
  }
}

const rollup: Bundler = {
  tool: 'Rollup 4.68.8',
  advice: /\(Rollup: external\)/,
  async prepare(place) {
    const program = join(await add(place, 'rollup', '4.68.8'), 'dist/bin/rollup')
    await add(place, '@rollup/plugin-node-resolve', '16.0.3')
    await add(place, '@rollup/plugin-commonjs', '29.0.3')
    return async (marked) => {
      await place.ok('node', [program, '-c', '--silent'], environment(marked))
      return 'bundle.mjs'
    }
  }
}

/** The bundle by itself in another folder, with what was installed out of its reach, as on another machine. */
async function elsewhere(place: Place, bundle: string) {
  const folder = mkdtempSync(join(tmpdir(), 'alexnode-bundle-'))
  const installed = join(place.folder, 'node_modules')
  const away = join(place.folder, 'away')
  try {
    cpSync(join(place.folder, 'out'), folder, { recursive: true })
    renameSync(installed, away)
    return await place.run('node', [bundle], { cwd: folder, timeout: 20_000 })
  } finally {
    renameSync(away, installed)
    rmSync(folder, { recursive: true })
  }
}

async function bundled(place: Place, { advice, prepare }: Bundler): Promise<void> {
  await install(place)
  const build = await prepare(place)
  const marked = await build(true)
  trained((await place.ok('node', [join('out', marked)])).out)

  rmSync(join(place.folder, 'out'), { recursive: true })
  const { code, out, err } = await elsewhere(place, await build(false))
  same('status and output of what was not marked', { code, out }, { code: 1, out: '' })
  match(
    'the error',
    err,
    /\bAddonError\b.*alexnode's code was bundled, and its addon cannot be\.$/m
  )
  match('the advice', err, advice)
}

/** Next.js leaves the addon where it is, marked or not. */
async function next(place: Place): Promise<void> {
  await install(place, 'next@16.4.6', 'react@19.3.1', 'react-dom@19.3.1')
  mkdirSync(join(place.folder, 'app/train'), { recursive: true })
  cpSync(join(place.folder, 'next-route.js'), join(place.folder, 'app/train/route.js'))
  const env = { NEXT_TELEMETRY_DISABLED: '1' }
  for (const serverExternalPackages of [[], ['alexnode']]) {
    const config = JSON.stringify({ serverExternalPackages })
    writeFileSync(join(place.folder, 'next.config.mjs'), `export default ${config}\n`)
    await place.ok('node', ['node_modules/next/dist/bin/next', 'build'], { env })
    trained((await place.ok('node', ['ask-next.mjs'], { env })).out)
  }
}

export const scenarios: readonly Scenario[] = [
  ...[esbuild('esm'), esbuild('cjs'), webpack, vite, rollup].map(
    (bundler): Scenario => ({
      group: 'Bundlers',
      tool: bundler.tool,
      what: 'marked as external: a server trains; not marked: the error says what to write',
      run: (place) => bundled(place, bundler)
    })
  ),
  {
    group: 'Bundlers',
    tool: 'Next.js 16.4.6',
    what: 'a route trains, marked as external or not',
    run: next
  }
]
