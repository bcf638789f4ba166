/** The package by each package manager: installed, used, upgraded and taken away. */
import { spawnSync } from 'node:child_process'
import { realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { picture, writeFiles } from '../photo-files.ts'
import { match, same } from './expect.ts'
import { type Command, holds, nothingOf, Project, quiet } from './managed.ts'
import { root } from './place.ts'
import { OLDER } from './registry.ts'
import type { Place, Scenario } from './scenario.ts'
import * as versions from './versions.ts'

const group = 'Package managers'
const modules = 'node_modules/alexnode'

/** A version of npm, and its npx. */
async function npmOf(place: Place, version: string): Promise<{ npm: Command; npx: Command }> {
  const bin = join(await place.tool('npm', version), 'bin')
  return { npm: ['node', join(bin, 'npm-cli.js')], npx: ['node', join(bin, 'npx-cli.js')] }
}

const npmLines = versions.npm.flatMap(({ version, node }): Scenario[] => {
  const line = { group, tool: `npm ${version}`, ...(node && { node }) } as const
  return [
    {
      ...line,
      what: 'installs, trains, upgrades, `npm ci` twice, uninstalls and leaves nothing',
      async run(place) {
        const { npm, npx } = await npmOf(place, version)
        const project = await Project.make(place, npm)
        quiet(await project.manage('install', `alexnode@${OLDER}`))
        holds(project.path(modules), OLDER)
        quiet(await project.manage('install', `alexnode@${project.registry.version}`))
        holds(project.path(modules), project.registry.version)
        const alexnode: Command = [...npx, 'alexnode']
        await project.trains(alexnode)
        for (const _ of [1, 2]) quiet(await project.manage('ci'))
        holds(project.path(modules), project.registry.version)
        await project.trains(alexnode)
        await project.manage('uninstall', 'alexnode')
        nothingOf('alexnode', project.folder)
      }
    },
    {
      ...line,
      what: 'two workspaces share one copy, each trains',
      async run(place) {
        const { npm, npx } = await npmOf(place, version)
        const project = await Project.make(place, npm)
        project.write('package.json', { private: true, workspaces: ['packages/*'] })
        const dependencies = { alexnode: project.registry.version }
        for (const name of ['a', 'b']) {
          project.write(`packages/${name}/package.json`, { name, version: '1.0.0', dependencies })
        }
        quiet(await project.manage('install'))
        holds(project.path(modules), project.registry.version)
        nothingOf('alexnode', project.path('packages'))
        for (const name of ['a', 'b']) await project.trains([...npx, '-w', name, 'alexnode'])
      }
    }
  ]
})

const npmNewest = versions.npm[1]

/** Why the package cannot be compiled here. */
function noCompiler(): string | undefined {
  const script = join(root, 'scripts/native-deps.cjs')
  const { status, stderr } = spawnSync(process.execPath, [script, 'compile'], { encoding: 'utf8' })
  return status === 0 ? undefined : stderr.split('\n')[0]
}

/** With ccache it takes less than a minute. */
function ccache(folder: string): Readonly<Record<string, string>> {
  if (spawnSync('ccache', ['--version']).error) return {}
  const { status, stdout } = spawnSync('ccache', ['--get-config', 'cache_dir'], {
    encoding: 'utf8'
  })
  return {
    CMAKE_CXX_COMPILER_LAUNCHER: 'ccache',
    CCACHE_BASEDIR: folder,
    CCACHE_NOHASHDIR: '1',
    ...(status === 0 && { CCACHE_DIR: stdout.trim() })
  }
}

/** Compiles by `alexnode build` where no prebuilt addon is, and trains with what came of it. */
async function compiles(project: Project, alexnode: Command, folder: string): Promise<void> {
  const before = await project.run([...alexnode, 'summary'])
  match('before it is compiled', before.err.replaceAll(/\s+/g, ' '), /alexnode build`, which says/)
  const built = await project.ok([...alexnode, 'build'], {
    timeout: 1_200_000,
    env: ccache(realpathSync(folder))
  })
  match('alexnode build', built.err, /Configuring.*done in .*Compiling.*done in .*Loading/s)
  nothingOf('cmake', join(folder, 'build'))
  const { out } = await project.ok([...alexnode, 'doctor', '--json'])
  same('the addon', JSON.parse(out).addon.origin, 'build')
  await project.trains(alexnode)
}

const npmMore: readonly Scenario[] = [
  {
    group,
    tool: `npm ${npmNewest.version}`,
    node: npmNewest.node,
    what: 'a read-only node_modules: trains; `alexnode build` says why it cannot',
    skip: () => (spawnSync('unshare', ['-m', 'true']).status === 0 ? undefined : 'no unshare -m'),
    async run(place) {
      const { npm } = await npmOf(place, npmNewest.version)
      const project = await Project.make(place, npm)
      quiet(await project.manage('install', 'alexnode'))
      const mount =
        'mount --bind node_modules node_modules && mount -o remount,ro,bind node_modules'
      const readOnly: Command = ['unshare', '-m', 'sh', '-c', `${mount} && exec "$@"`, 'sh']
      const touched = await project.run([...readOnly, 'touch', 'node_modules/x'])
      match('touch', touched.err, /Read-only file system/)
      const alexnode: Command = [...readOnly, 'node_modules/.bin/alexnode']
      await project.trains(alexnode)
      const built = await project.run([...alexnode, 'build'])
      same('exit status of alexnode build', built.code, 1)
      match('alexnode build', built.err, /expected a folder that can be written, got one that is\s/)
    }
  },
  {
    group,
    tool: `npm ${versions.npm[0].version}`,
    what: 'installs a git URL, compiles by `alexnode build`, trains',
    skip: noCompiler,
    async run(place) {
      const { npm, npx } = await npmOf(place, versions.npm[0].version)
      const project = await Project.make(place, npm)
      // npm names its 'prepare', which makes dist/ of a clone, as a script to approve.
      await project.manage('install', `git+file://${root}`)
      nothingOf('alexnode.node', project.path(modules))
      await compiles(project, [...npx, 'alexnode'], project.path(modules))
      await project.manage('uninstall', 'alexnode')
      nothingOf('alexnode', project.folder)
    }
  }
]

/** Packages that are minutes old are taken, and those that are no longer needed deleted at once and not in a week. */
const pnpmSettings = 'minimumReleaseAge: 0\nmodulesCacheMaxAge: 0\n'

const pnpmLines = versions.pnpm.flatMap(({ version, bin }): Scenario[] => {
  const line = { group, tool: `pnpm ${version}` } as const
  const start = async (place: Place) => {
    // From version 12 on its program has no line that names what runs it.
    const program = join(await place.tool('pnpm', version), bin)
    const project = await Project.make(
      place,
      bin.endsWith('.cjs') ? ['node', program] : ['sh', program]
    )
    project.write('pnpm-workspace.yaml', pnpmSettings)
    return project
  }
  return [
    {
      ...line,
      what: 'installs with nothing to approve, trains, upgrades, uninstalls and leaves nothing',
      async run(place) {
        const project = await start(place)
        quiet(await project.manage('add', `alexnode@${OLDER}`))
        holds(project.path(modules), OLDER)
        quiet(await project.manage('add', `alexnode@${project.registry.version}`))
        holds(project.path(modules), project.registry.version)
        for (const _ of [1, 2]) quiet(await project.manage('install', '--frozen-lockfile'))
        await project.trains([...project.command, 'exec', 'alexnode'])
        await project.manage('remove', 'alexnode')
        nothingOf('alexnode@', project.path('node_modules'))
      }
    },
    {
      ...line,
      what: 'two workspaces, each trains',
      async run(place) {
        const project = await start(place)
        project.write('pnpm-workspace.yaml', `${pnpmSettings}packages: ['packages/*']\n`)
        const dependencies = { alexnode: project.registry.version }
        for (const name of ['a', 'b']) {
          project.write(`packages/${name}/package.json`, { name, version: '1.0.0', dependencies })
        }
        quiet(await project.manage('install'))
        for (const name of ['a', 'b']) {
          holds(project.path('packages', name, modules), project.registry.version)
          await project.trains([...project.command, '--filter', name, 'exec', 'alexnode'])
        }
      }
    }
  ]
})

const pnpmNewest = versions.pnpm[1]
const pnpmMore: readonly Scenario[] = [
  {
    group,
    tool: `pnpm ${pnpmNewest.version}`,
    what: 'compiles by `pnpm exec alexnode build`, trains',
    skip: noCompiler,
    async run(place) {
      const program = join(await place.tool('pnpm', pnpmNewest.version), pnpmNewest.bin)
      const project = await Project.make(place, ['sh', program])
      project.write('pnpm-workspace.yaml', pnpmSettings)
      quiet(await project.manage('add', 'alexnode'))
      rmSync(project.path(modules, 'prebuilds'), { recursive: true })
      await compiles(project, [...project.command, 'exec', 'alexnode'], project.path(modules))
    }
  }
]

const yarnLines = (['node-modules', 'pnp'] as const).map((linker): Scenario => {
  const pnp = linker === 'pnp'
  return {
    group,
    tool: `Yarn ${versions.yarn}`,
    what: pnp
      ? "Plug'n'Play: installs, trains, prepares photographs, predicts, upgrades, uninstalls and leaves nothing"
      : 'node-modules: installs, trains, upgrades, uninstalls and leaves nothing',
    async run(place) {
      const program = join(await place.tool('@yarnpkg/cli-dist', versions.yarn), 'bin/yarn.js')
      const project = await Project.make(place, ['node', program])
      project.write('yarn.lock', '')
      project.write('.yarnrc.yml', {
        nodeLinker: linker,
        npmRegistryServer: project.registry.url,
        unsafeHttpWhitelist: ['127.0.0.1'],
        enableTelemetry: false,
        npmMinimalAgeGate: 0
      })
      quiet(await project.manage('add', `alexnode@${OLDER}`))
      quiet(await project.manage('add', `alexnode@${project.registry.version}`))
      for (const _ of [1, 2]) quiet(await project.manage('install', '--immutable'))
      const alexnode: Command = [...project.command, 'alexnode']
      if (!pnp) holds(project.path(modules), project.registry.version)
      await project.trains(alexnode)
      if (pnp) await photographs(project, alexnode)
      quiet(await project.manage('remove', 'alexnode'))
      nothingOf('alexnode', project.path(pnp ? '.yarn/unplugged' : 'node_modules'))
    }
  }
})

/** What reads and writes files in other ways than training does. */
async function photographs(project: Project, alexnode: Command): Promise<void> {
  const names = ['a', 'b'].flatMap((name) =>
    Array.from({ length: 10 }, (_, i) => `${name}/${i}.jpg`)
  )
  const pictures = await Promise.all(
    names.map(async (name, i) => [name, await picture(i)] as const)
  )
  await writeFiles(project.path('photos'), Object.fromEntries(pictures))
  const call = (...args: string[]) => project.ok([...alexnode, ...args])
  await call('prepare', 'photos', 'prepared', '--size', '32')
  const net = ['--net', 'cifar', '--batch', '2', '--steps', '2', '--out', 'seen']
  await call('train', '--data', 'prepared', ...net)
  const { out } = await call('predict', 'seen', 'photos/a/0.jpg', '--json')
  match('predict', out, /"file":"photos\/a\/0\.jpg".*"probability":/)
  for (const file of ['fc7.npy', 'fc7.safetensors']) await call('features', 'seen', 'photos', file)
  match(
    'similar',
    (await call('similar', 'photos/a/0.jpg', '--index', 'fc7.npy')).out,
    /b\/\d\.jpg/
  )
  await call('filters', 'seen', 'conv1.png')
  await call('show-batch', '--data', 'prepared')
}

const others: readonly Scenario[] = [
  {
    group,
    tool: `Yarn ${versions.yarn1}`,
    what: 'installs, trains, upgrades, uninstalls and leaves nothing',
    async run(place) {
      const program = join(await place.tool('yarn', versions.yarn1), 'bin/yarn.js')
      const project = await Project.make(place, ['node', program, '--non-interactive'])
      project.write('.yarnrc', `registry "${project.registry.url}"\n`)
      quiet(await project.manage('add', `alexnode@${OLDER}`))
      quiet(await project.manage('add', `alexnode@${project.registry.version}`))
      for (const _ of [1, 2]) quiet(await project.manage('install', '--frozen-lockfile'))
      holds(project.path(modules), project.registry.version)
      await project.trains(['node', program, '--silent', 'alexnode'])
      await project.manage('remove', 'alexnode')
      nothingOf('alexnode', project.path('node_modules'))
    }
  },
  {
    group,
    tool: `Bun ${versions.bun}`,
    what: 'installs, trains in Bun itself, upgrades, uninstalls and leaves nothing',
    skip: () =>
      process.platform === 'linux' && process.arch === 'x64'
        ? undefined
        : 'its binary is for linux-x64',
    async run(place) {
      const bun = join(await place.tool('@oven/bun-linux-x64-baseline', versions.bun), 'bin/bun')
      const project = await Project.make(place, [bun])
      quiet(await project.manage('add', `alexnode@${OLDER}`))
      quiet(await project.manage('add', `alexnode@${project.registry.version}`))
      for (const _ of [1, 2]) quiet(await project.manage('install', '--frozen-lockfile'))
      holds(project.path(modules), project.registry.version)
      const alexnode: Command = [bun, 'run', '--bun', 'alexnode']
      await project.trains(alexnode)
      // Threads that wait awake for long made training four times as slow where others use the cores.
      const { err } = await project.ok([bun, '-e', "import('alexnode')"], {
        env: { OMP_DISPLAY_ENV: 'verbose' }
      })
      match("OpenMP's settings", err, /GOMP_SPINCOUNT = '1000'/)
      await project.manage('remove', 'alexnode')
      nothingOf('alexnode', project.path('node_modules'))
    }
  }
]

export const scenarios: readonly Scenario[] = [
  ...npmLines,
  ...npmMore,
  ...pnpmLines,
  ...pnpmMore,
  ...yarnLines,
  ...others
]
