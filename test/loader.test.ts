/** Every way in which the addon may fail to load, each made for real in a folder of its own. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import t, { type Test } from 'tap'
import { AddonError } from '../lib/native/addon/error.ts'
import { compileIt } from '../lib/native/addon/manager.ts'
import { packageRoot } from '../lib/native/addon/package-root.ts'
import { noSmallDisk, smallDisk } from './disks.ts'
import { objects, runProgram } from './programs.ts'

const system = `${process.platform}-${process.arch}`
const prebuilt = `prebuilds/${system}/alexnode.glibc.node`
const compiled = 'build/Release/alexnode.node'
const linux = process.platform === 'linux'
const compiler = process.env.CXX ?? 'c++'
const noCompiler = spawnSync(compiler, ['--version']).error ? `no ${compiler}` : false
const notLinux = linux ? false : 'ELF files are made here'

/** A package folder, as npm makes it, with `files` made by functions that are given their paths. */
function packageFolder(
  t: Test,
  files: Readonly<Record<string, (path: string) => void>>,
  place = 'node_modules/alexnode'
): string {
  const root = join(t.testdir(), place)
  mkdirSync(root, { recursive: true })
  copyFileSync('package.json', join(root, 'package.json'))
  for (const [file, make] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    make(join(root, file))
  }
  return root
}

/** How the folder's addon fails to load. The process must live to tell it. */
async function failure(t: Test, root: string, env: NodeJS.ProcessEnv = {}) {
  const ended = await runProgram('test/load-child.ts', [root], env)
  t.match(ended, { code: 0, err: '' })
  const [told = {}] = objects(ended.out)
  t.equal(told.loaded, false)
  t.match(told.message, /^\[alexnode\] the native addon does not load: /)
  const file = typeof told.file === 'string' ? relative(root, told.file) : undefined
  return { message: String(told.message), problem: told.problem, file }
}

const addon = (path: string) => copyFileSync(compiled, path)
/** A copy of the addon with bytes changed. */
const patched = (change: (bytes: globalThis.Buffer) => void) => (path: string) => {
  const bytes = readFileSync(compiled)
  change(bytes)
  writeFileSync(path, bytes)
}
/** A library compiled from C++. */
const library =
  (source: string, ...flags: string[]) =>
  (path: string) => {
    const args = ['-shared', '-fPIC', '-x', 'c++', '-', '-x', 'none', '-o', path, ...flags]
    execFileSync(compiler, args, { input: source, stdio: ['pipe', 'ignore', 'inherit'] })
  }

const rebuild = /Compile it: `npx alexnode build`, which says first what that needs/
const reinstall = /Install the package again: `rm -rf ".*node_modules\/alexnode" && npm install`/

t.test('no binary', async (t) => {
  t.test('in a project', async (t) => {
    const { message, problem, file } = await failure(t, packageFolder(t, {}))
    t.equal(problem, `no binary is prebuilt for ${system}, and none was compiled.`)
    t.equal(file, undefined)
    t.match(
      message,
      /Looked .* in build\/Release\/ and prebuilds\/ of .*alexnode; prebuilt there: nothing/
    )
    t.match(message, rebuild)
  })
  t.test('in a clone', async (t) => {
    const setup = { 'scripts/setup.cjs': (path: string) => copyFileSync('scripts/setup.cjs', path) }
    const { message } = await failure(t, packageFolder(t, setup, 'alexnode'))
    t.match(message, /Compile it: `node .*alexnode\/scripts\/setup\.cjs`/)
  })
  t.test('installed by pnpm', async (t) => {
    const place = 'node_modules/.pnpm/alexnode@1.0.0/node_modules/alexnode'
    const { message } = await failure(t, packageFolder(t, {}, place))
    t.match(message, /Compile it: `pnpm exec alexnode build`/)
  })
  t.test('for this system', async (t) => {
    const other = system === 'linux-arm64' ? 'linux-x64' : 'linux-arm64'
    const root = packageFolder(t, { [`prebuilds/${other}/alexnode.glibc.node`]: addon })
    const { message, problem } = await failure(t, root)
    t.match(problem, `no binary is prebuilt for ${system}`)
    t.match(message, `prebuilt there: ${other}/alexnode.glibc.node`)
  })
  t.test('for this libc', { skip: notLinux }, async (t) => {
    const musl = packageFolder(t, { [`prebuilds/${system}/alexnode.musl.node`]: addon })
    const inGlibc = await failure(t, musl)
    t.match(inGlibc.problem, /prebuilt for Linux with musl, and .* is another \(glibc\)/)
    t.match(inGlibc.message, rebuild)
  })
  for (const [name, value] of [
    ['ALEXNODE_PREBUILD', '/no/such/folder'],
    ['npm_config_arch', 'ia32']
  ] as const) {
    t.test(`where ${name} leads astray`, async (t) => {
      const root = packageFolder(t, { [prebuilt]: addon })
      const { message, problem } = await failure(t, root, { [name]: value })
      t.equal(problem, `none was found where the environment's ${name} says to look.`)
      t.match(message, `${name} is '${value}'.`)
      t.match(message, `Unset ${name}, or let ALEXNODE_PREBUILD name a folder`)
    })
  }
  t.test('on Alpine', { skip: notLinux }, async (t) => {
    const glibc = packageFolder(t, { [prebuilt]: addon })
    const inMusl = await failure(t, glibc, { LIBC: 'musl' })
    t.match(
      inMusl.problem,
      /prebuilt for Linux with glibc, and .* is another \(musl, as on Alpine\)/
    )
    t.match(inMusl.message, rebuild)
  })
})

t.test('a binary for another machine', { skip: notLinux }, async (t) => {
  const machine = process.arch === 'arm64' ? 62 : 183
  const patch = patched((bytes) => bytes.writeUInt16LE(machine, 18))
  const { message, problem, file } = await failure(t, packageFolder(t, { [compiled]: patch }))
  const other = process.arch === 'arm64' ? 'linux-x64' : 'linux-arm64'
  t.equal(problem, `it was built for ${other}, and this Node runs on ${system}.`)
  t.equal(file, compiled)
  t.match(message, /copied from another machine\? Compile it: `npx alexnode build`/)

  t.test('or another system', async (t) => {
    const mac = packageFolder(t, {
      [prebuilt]: patched((bytes) => bytes.write('cffaedfe0c000001', 'hex'))
    })
    t.match((await failure(t, mac)).problem, /^it was built for darwin-arm64,/)
  })
})

t.test('libraries and symbols', { skip: notLinux || noCompiler }, async (t) => {
  t.test('a bundled library is missing', async (t) => {
    const missing = patched((bytes) => {
      const at = bytes.indexOf('libdnnl.so.')
      bytes.write(
        '9'.repeat(bytes.indexOf(0, at) - at - 'libdnnl.so.'.length),
        at + 'libdnnl.so.'.length
      )
    })
    const { message, problem } = await failure(t, packageFolder(t, { [prebuilt]: missing }))
    t.match(problem, /^a library that it needs, libdnnl\.so\.9+, was not found\.$/)
    t.match(message, /The loader said: libdnnl\.so\.9+: cannot open/)
    t.match(message, reinstall)
  })
  t.test('a symbol is missing', async (t) => {
    const source = 'extern "C" int not_there(); extern "C" int use() { return not_there(); }'
    const root = packageFolder(t, { [compiled]: library(source, '-Wl,-z,now') })
    const { message, problem } = await failure(t, root)
    t.match(problem, /a symbol that it needs, not_there, was not found: .* another version/)
    t.match(message, rebuild)
  })
  t.test('the system is too old', async (t) => {
    const dir = t.testdir({ map: 'GLIBC_2.99 { global: newer; };' })
    const libm = join(dir, 'libm.so.6')
    library(
      'extern "C" int newer() { return 1; }',
      '-Wl,-soname,libm.so.6',
      `-Wl,--version-script=${join(dir, 'map')}`
    )(libm)
    const source = 'extern "C" int newer(); extern "C" int use() { return newer(); }'
    const root = join(dir, 'node_modules/alexnode')
    mkdirSync(join(root, dirname(prebuilt)), { recursive: true })
    copyFileSync('package.json', join(root, 'package.json'))
    library(source, libm, '-Wl,--no-as-needed')(join(root, prebuilt))
    const { message, problem } = await failure(t, root)
    t.match(problem, /^it needs glibc 2\.99 or newer; this system has 2\.\d+\.$/)
    t.match(message, /Use a newer system .* or compile it here\. Compile it: `npx/)
  })
  t.test('it was built on Alpine', async (t) => {
    const dir = t.testdir()
    const musl = join(dir, 'libc.musl-x86_64.so.1')
    library('extern "C" int own() { return 1; }', '-Wl,-soname,libc.musl-x86_64.so.1')(musl)
    const root = join(dir, 'node_modules/alexnode')
    const file = join(root, `prebuilds/${system}/alexnode.node`)
    mkdirSync(dirname(file), { recursive: true })
    copyFileSync('package.json', join(root, 'package.json'))
    const source = 'extern "C" int own(); extern "C" int use() { return own(); }'
    library(source, musl)(file)
    const { message, problem } = await failure(t, root)
    t.equal(problem, 'it was built for musl (Alpine), and this system has glibc.')
    t.match(message, rebuild)
  })
})

t.test('a damaged file', { skip: notLinux }, async (t) => {
  t.test('the addon is cut short', async (t) => {
    const short = (path: string) => {
      addon(path)
      truncateSync(path, 300_000)
    }
    const { message, problem } = await failure(t, packageFolder(t, { [prebuilt]: short }))
    t.equal(problem, 'the file alexnode.glibc.node is damaged: it is shorter than it says.')
    t.match(message, reinstall)
  })
  t.test('a library beside it is', async (t) => {
    const files = {
      [prebuilt]: addon,
      [`prebuilds/${system}/libdnnl.so.2`]: (path: string) => {
        addon(path)
        truncateSync(path, 4096)
      }
    }
    const { problem } = await failure(t, packageFolder(t, files))
    t.equal(problem, 'the file libdnnl.so.2 is damaged: it is shorter than it says.')
  })
  t.test('the addon is empty', async (t) => {
    const root = packageFolder(t, { [compiled]: (path) => writeFileSync(path, '') })
    t.match((await failure(t, root)).problem, /alexnode\.node is damaged/)
  })
  t.test('the addon is text', async (t) => {
    const text = 'version https://git-lfs.github.com/spec/v1\n'.repeat(3)
    const root = packageFolder(t, { [prebuilt]: (path) => writeFileSync(path, text) })
    const { message, problem } = await failure(t, root)
    t.equal(problem, 'its file is no binary.')
    t.match(message, reinstall)
  })
})

t.test('a folder that may not be executed', { skip: noSmallDisk }, async (t) => {
  const disk = smallDisk(t, 16_384)
  execFileSync('mount', ['-o', 'remount,noexec', disk])
  mkdirSync(join(disk, 'build/Release'), { recursive: true })
  copyFileSync('package.json', join(disk, 'package.json'))
  addon(join(disk, compiled))
  const { message, problem } = await failure(t, disk)
  t.equal(problem, 'this system does not let the file be loaded.')
  t.match(message, /without noexec/)
})

t.test('code that was bundled', async (t) => {
  const own = resolve('.')
  t.equal(packageRoot(), own)
  t.equal(packageRoot(pathToFileURL(join(own, 'dist/lib/native/addon/package-root.js')).href), own)

  const message = (url: string | undefined) => {
    try {
      return packageRoot(url)
    } catch (error) {
      t.ok(error instanceof AddonError)
      return error instanceof AddonError ? error.message : ''
    }
  }
  const beside = (files: Readonly<Record<string, string>>) =>
    pathToFileURL(join(t.testdir(files), 'out/bundle.js')).href
  const bundled = /the native addon does not load: alexnode's code was bundled/
  const above = { 'package.json': '{ "name": "shop" }', out: '' }
  t.match(message(beside(above)), /above .*bundle\.js: found that of shop in /)
  t.match(
    message(beside({ ...above, 'package.json': '{}' })),
    /found that of a package without a name/
  )
  t.match(message(beside({ ...above, 'package.json': '{' })), bundled)

  const none = mkdtempSync(join(tmpdir(), 'alexnode-bundle-'))
  t.teardown(() => rmSync(none, { recursive: true }))
  const text = message(pathToFileURL(join(none, 'bundle.js')).href)
  t.match(text, bundled)
  t.match(text, /above .*bundle\.js: found none\./)
  for (const line of [
    '--external:alexnode',
    "externals: /^alexnode/, externalsType: 'node-commonjs'",
    'build.rollupOptions.external: [/^alexnode/]',
    "ssr.external: ['alexnode']",
    "serverExternalPackages: ['alexnode']"
  ]) {
    t.ok(text.includes(line), line)
  }
  // As where a bundle comes from no file.
  t.match(message('data:text/javascript,'), bundled)

  t.test('as esbuild does it', async (t) => {
    for (const format of ['esm', 'cjs'] as const) {
      const outfile = join(none, format === 'esm' ? 'bundle.mjs' : 'bundle.cjs')
      await build({
        entryPoints: ['lib/index.ts'],
        bundle: true,
        platform: 'node',
        external: ['sharp'],
        target: 'node20', // which the package is compiled for, too
        format,
        outfile,
        logLevel: 'silent'
      })
      const { status, stderr } = spawnSync(process.execPath, [outfile], {
        encoding: 'utf8',
        timeout: 60_000
      })
      t.equal(status, 1, format)
      t.match(stderr, bundled, format)
      t.match(stderr, '--external:alexnode')
    }
  })
})

t.test('a whole one loads', async (t) => {
  const { out } = await runProgram('test/load-child.ts', [process.cwd()])
  t.strictSame(objects(out), [{ loaded: true }])
})

t.test('threads wait awake for a moment only', async (t) => {
  // libgomp tells its settings as it is loaded.
  const told = async (env: Record<string, string>, ...args: string[]) => {
    const all = { ...env, OMP_DISPLAY_ENV: 'verbose' }
    const { code, out, err } = await runProgram('test/load-child.ts', [process.cwd(), ...args], all)
    t.match(
      { code, told: objects(out) },
      { code: 0, told: [{ loaded: true, spins: env.GOMP_SPINCOUNT }] }
    )
    return /GOMP_SPINCOUNT = '(\d+)'/.exec(err)?.[1]
  }
  t.equal(await told({}), '1000')
  t.equal(await told({}, 'in a worker'), '1000')
  t.equal(await told({ GOMP_SPINCOUNT: '7' }), '7')
  t.equal(await told({ OMP_WAIT_POLICY: 'passive' }), '0')
})

t.test('on Windows there is nothing to compile', async (t) => {
  const { platform } = process
  t.teardown(() => Object.defineProperty(process, 'platform', { value: platform }))
  Object.defineProperty(process, 'platform', { value: 'win32' })
  t.match(compileIt('C:\\project'), 'run it in WSL 2')
})
