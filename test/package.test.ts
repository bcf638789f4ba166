/**
 * The package as its users get it: packed, installed in an empty folder with no compiler in reach and
 * oneDNN's own library hidden, then used from programs, from CommonJS, from TypeScript, and broken.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { publint } from 'publint'
import t from 'tap'
import { counting, idx, writeSet } from './idx-files.ts'
import { objects, widest } from './programs.ts'

const MAX_BYTES = 16 * 2 ** 20
const root = resolve(import.meta.dirname, '..')
const system = `${process.platform}-${process.arch}`
const reason =
  system !== 'linux-x64'
    ? `packages are built on linux-x64, not ${system}`
    : existsSync('/usr/bin/dpkg')
      ? false
      : 'packages are built on Debian'
if (reason) {
  t.plan(0, reason)
  process.exit()
}

const dir = t.testdir()
const libraries = '/usr/lib/x86_64-linux-gnu'
const headers = execFileSync('objdump', ['-p', join(libraries, 'libdnnl.so')], { encoding: 'utf8' })
/** oneDNN's name varies by its version, as does what it needs. */
const dnnl = /SONAME +(\S+)/.exec(headers)?.[1] ?? 'libdnnl.so'
const bundled = [
  ...(headers.includes('libOpenCL.so.1') ? ['libOpenCL.so.1'] : []),
  ...[dnnl, 'libgomp.so.1', 'libturbojpeg.so.0']
]
const prebuilds = join(root, 'prebuilds', system)

/** A PATH with Node and what every system has, and with no compiler, CMake, make or Python. */
const bin = join(dir, 'bin')
mkdirSync(bin)
symlinkSync(process.execPath, join(bin, 'node'))
for (const program of ['sh', 'env', 'cat', 'ls', 'mkdir', 'rm', 'uname']) {
  symlinkSync(`/bin/${program}`, join(bin, program))
}
const npm =
  process.env.npm_execpath ?? realpathSync(execFileSync('which', ['npm']).toString().trim())
const outer = Object.entries(process.env).filter(
  ([name]) =>
    !/^(npm_(package|lifecycle|node)|npm_config_(nodedir|local_prefix)|NODE_|TAP)/.test(name)
)
const env = { ...Object.fromEntries(outer), PATH: bin }

/** Why the system's libraries cannot be hidden, or false. */
const noHiding =
  spawnSync('unshare', ['-m', 'true']).status === 0 ? false : 'unshare -m is forbidden'
const hide =
  'while [ "$1" != -- ]; do /bin/mount --bind /dev/null "$1"; shift; done; shift; exec "$@"'
const hidden = bundled
  .map((library) => join(libraries, library))
  .filter(existsSync)
  .map((library) => realpathSync(library))

/** Runs a program with the cut PATH, and where that can be, without the system's own libraries. */
function run(cwd: string, program: string, ...args: string[]) {
  const command = [program, ...args]
  const [first = '', ...rest] = noHiding
    ? command
    : ['/usr/bin/unshare', '-m', '/bin/sh', '-c', hide, 'sh', ...hidden, '--', ...command]
  const { status, stdout, stderr } = spawnSync(first, rest, { cwd, env, encoding: 'utf8' })
  return { code: status, out: stdout, err: stderr }
}
const node = (cwd: string, ...args: string[]) => run(cwd, process.execPath, ...args)

/** A folder with nothing in it but what npm put there, or why npm could not. */
function install(name: string, ...flags: string[]): string | { readonly offline: string } {
  const folder = join(dir, name)
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  const args = ['install', tarball, '--prefer-offline', '--no-audit', '--no-fund', ...flags]
  const { status, stderr, error } = spawnSync(process.execPath, [npm, ...args], {
    cwd: folder,
    env,
    encoding: 'utf8',
    timeout: 180_000
  })
  if (status === 0) return folder
  if (error) throw new Error(`npm install did not end: ${error.message}\n${stderr}`)
  if (/ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ENETUNREACH|ETIMEDOUT|ENOTCACHED/.test(stderr)) {
    return { offline: 'npm cannot fetch the dependencies: no network' }
  }
  throw new Error(`npm install failed:\n${stderr}`)
}

execFileSync(process.execPath, ['scripts/prebuilds.cjs', '--if-stale'], {
  cwd: root,
  stdio: ['ignore', 'ignore', 2]
})
const packed = execFileSync(process.execPath, [npm, 'pack', '--json', '--pack-destination', dir], {
  cwd: root,
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'ignore']
})
interface Packed {
  readonly filename: string
  readonly size: number
  readonly files: readonly { readonly path: string; readonly mode: number }[]
}
const [info]: readonly Packed[] = JSON.parse(packed.slice(packed.indexOf('[\n')))
if (!info) throw new Error(`npm pack said: ${packed}`)
const tarball = join(dir, info.filename)

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>
  readonly exports: Readonly<
    Record<string, Readonly<Record<'import' | 'require', Readonly<Record<string, string>>>>>
  >
}
const manifest: Manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const { './package.json': _, ...exported } = manifest.exports
/** What is imported: alexnode, alexnode/data, … */
const modules = Object.keys(exported).map((path) => path.replace('.', 'alexnode'))
/** The files that `exports` names. */
const entries = Object.values(exported)
  .flatMap((conditions) => Object.values(conditions))
  .flatMap((files) => Object.values(files))
  .map((file) => file.replace('./', ''))

t.test('what is in it', async (t) => {
  t.ok(info.size <= MAX_BYTES, `${info.size} bytes packed, at most ${MAX_BYTES}`)
  const paths = info.files.map(({ path }) => path)
  const allowed = [
    /^dist\/lib\/[\w/-]+\.js$/,
    /^dist\/types\/lib\/[\w/-]+\.d\.ts$/,
    /^dist\/types\/package\.json$/,
    /^native\/[\w/]+\.(cc|h|cu|cuh)$/,
    /^native\/cuda\/embed\.cmake$/,
    /^prebuilds\/linux-x64\/(alexnode\.glibc\.node|NOTICES\.txt|lib\w+\.so(\.\d)+)$/,
    /^(CMakeLists\.txt|LICENSE|(README|CHANGELOG)\.md|package\.json)$/,
    /^scripts\/native-deps\.cjs$/
  ]
  const stray = paths.filter(
    (path) => !entries.includes(path) && !allowed.some((pattern) => pattern.test(path))
  )
  t.strictSame(stray, [])
  const wanted = [
    ...['dist/lib/cli/main.js', 'dist/lib/cli/train.js', 'dist/types/package.json', ...entries],
    ...['LICENSE', 'README.md', 'CMakeLists.txt', 'scripts/native-deps.cjs'],
    ...['alexnode.glibc.node', 'NOTICES.txt', ...bundled].map(
      (file) => `prebuilds/${system}/${file}`
    )
  ]
  t.strictSame(
    wanted.filter((path) => !paths.includes(path)),
    []
  )
  t.equal(info.files.find(({ path }) => path === 'dist/lib/cli/main.js')?.mode, 0o755)
  t.match(readFileSync(join(root, 'dist/lib/cli/main.js'), 'utf8'), /^#!\/usr\/bin\/env node\n/)

  // Nothing that a package manager would run, or ask about, while it installs.
  const { scripts } = manifest
  t.notOk(scripts.preinstall ?? scripts.install ?? scripts.postinstall)
  t.notOk(existsSync(join(root, 'binding.gyp')), 'which npm and others would compile by themselves')

  const { messages } = await publint({
    pack: { tarball: new Uint8Array(readFileSync(tarball)).buffer }
  })
  t.strictSame(messages, [])
})

t.test('notices', async (t) => {
  const notices = readFileSync(join(prebuilds, 'NOTICES.txt'), 'utf8')
  for (const library of bundled) {
    t.match(
      notices,
      new RegExp(`^- ${library}: unchanged from Debian's package \\S+ \\S+; its source`, 'm')
    )
    const [theirs, ours] = [join(libraries, library), join(prebuilds, library)]
    t.ok(readFileSync(theirs).equals(readFileSync(ours)), `${library} is unchanged`)
  }
  for (const text of [
    /Intel Corporation/,
    /Apache License\s+Version 2\.0, January 2004/,
    /GCC RUNTIME LIBRARY EXCEPTION/,
    /GNU GENERAL PUBLIC LICENSE\s+Version 3, 29 June 2007/,
    // Of ocl-icd, which oneDNN 2 needs.
    ...(bundled.some((library) => library.startsWith('libOpenCL')) ? [/Brice Videau/] : []),
    /Node\.js API collaborators/
  ]) {
    t.match(notices, text)
  }
})

const release = readFileSync('/etc/os-release', 'utf8')
const baseline = /^VERSION_ID="?12"?$/m.test(release)
  ? false
  : 'packages for others are built on Debian 12'
t.test('what it asks of a system', { skip: baseline }, async (t) => {
  const newest = (file: string, library: string) => {
    const symbols = execFileSync('objdump', ['-T', join(prebuilds, file)], { encoding: 'utf8' })
    const minors = symbols.matchAll(new RegExp(`\\(${library}([\\d.]+)\\)`, 'g'))
    return Math.max(0, ...[...minors].map(([, minor]) => Number(minor)))
  }
  for (const file of ['alexnode.glibc.node', ...bundled]) {
    t.ok(newest(file, 'GLIBC_2\\.') <= 34, `${file}: glibc 2.34`)
    t.ok(newest(file, 'GLIBCXX_3\\.4\\.') <= 29, `${file}: libstdc++ of GCC 11`)
    const sections = execFileSync('objdump', ['-h', join(prebuilds, file)], { encoding: 'utf8' })
    t.notMatch(sections, /\.symtab|\.debug/, `${file} is stripped`)
  }
})

t.test('the system’s own oneDNN is out of reach', { skip: noHiding }, async (t) => {
  t.equal(hidden.length, bundled.length)
  const sizes = `${JSON.stringify(hidden)}.map((file) => fs.readFileSync(file).length)`
  const { out, err } = node(dir, '-p', `JSON.stringify(${sizes})`)
  t.strictSame(JSON.parse(out), Array(bundled.length).fill(0), err)
  for (const program of ['c++', 'g++', 'cc', 'cmake', 'make', 'python3']) {
    t.not(spawnSync('/bin/sh', ['-c', `command -v ${program}`], { env }).status, 0, program)
  }
})

const data = join(dir, 'data')
await writeSet(data, {
  'train-images-idx3-ubyte': idx([24, 28, 28], counting(24 * 784, 251)),
  'train-labels-idx1-ubyte': idx([24], counting(24, 10)),
  't10k-images-idx3-ubyte': idx([6, 28, 28], counting(6 * 784, 241)),
  't10k-labels-idx1-ubyte': idx([6], counting(6, 10))
})

const program = `
import { readFileSync } from 'node:fs'
import { conv2d, defineNet, dense, flatten, maxPool, open, relu, shapes, train } from 'alexnode'

const definition = defineNet({
  name: 'own',
  input: { channels: 1, height: 28, width: 28 },
  layers: [
    conv2d({ filters: 8, size: 5 }),
    relu(),
    maxPool({ size: 2, stride: 2 }),
    flatten(),
    dense({ units: 10 })
  ]
})
const device = await open('cpu')
const net = await definition.build(device, { batch: 32 })
const losses = []
for await (const { loss } of train(net, shapes({ train: 320, size: 28 }).train, { epochs: 2, lr: 0.05 }))
  losses.push(loss)
await device.close()
const maps = readFileSync('/proc/self/maps', 'utf8').match(/\\/.*(libdnnl|libgomp|libOpenCL|libturbojpeg|alexnode).*/g)
console.log(JSON.stringify({ losses, maps: [...new Set(maps)].sort() }))
`
const common = `
const { alexnet } = require('alexnode')
const { cpuInfo, opTable } = require('alexnode/engine')
console.log(JSON.stringify([typeof alexnet, cpuInfo.onednn, opTable.size > 30]))
`
/** Each path from both sides: they give the same module. */
const everyPath = `
const ours = ${JSON.stringify(modules)}
async function main() {
  for (const path of ours) {
    const [required, imported] = [require(path), await import(path)]
    const names = Object.keys(imported)
    const same = names.every((name) => required[name] === imported[name])
    console.log(JSON.stringify({ path, same, some: names.length > 0 }))
  }
}
main()
`

for (const [name, flags] of [
  ['plain', []],
  ['ignore-scripts', ['--ignore-scripts']]
] as const) {
  const project = install(name, ...flags)
  const offline = typeof project === 'string' ? false : project.offline
  const folder = typeof project === 'string' ? project : ''
  const installed = join(folder, 'node_modules/alexnode')

  t.test(`installed: ${name}`, { skip: offline }, async (t) => {
    t.notOk(existsSync(join(installed, 'build')), 'nothing was compiled')
    t.notOk(existsSync(join(folder, 'node_modules/tap')), 'nor the tools of its makers installed')

    t.test('alexnode train', async (t) => {
      const alexnode = join(folder, 'node_modules/.bin/alexnode')
      const args = ['--data', data, '--batch', '2', '--out', 'run', '--json']
      const { code, out, err } = run(folder, alexnode, 'train', '--steps', '5', ...args)
      t.equal(code, 0, err)
      t.match(objects(out).at(-1), { final: true, steps: 5, test_loss: Number, test_top1: Number })
      t.ok(existsSync(join(folder, 'run/weights.safetensors')))
    })

    t.test('a program', async (t) => {
      writeFileSync(join(folder, 'own.mjs'), program)
      const { code, out, err } = node(folder, 'own.mjs')
      t.equal(code, 0, err)
      const { losses, maps } = JSON.parse(out)
      t.equal(losses.length, 20)
      t.ok(losses.at(-1) < losses[0], `the loss falls: ${losses.join(' ')}`)
      const ours = ['alexnode.glibc.node', ...bundled].map((file) =>
        join(realpathSync(installed), 'prebuilds', system, file)
      )
      t.strictSame(maps, ours.sort(), 'the bundled libraries are loaded, and no others')
    })

    t.test('require()', async (t) => {
      writeFileSync(join(folder, 'common.cjs'), common)
      const { code, out, err } = node(folder, 'common.cjs')
      t.equal(code, 0, err)
      t.match(JSON.parse(out), ['function', /^\d+\.\d+/, true])

      writeFileSync(join(folder, 'paths.cjs'), everyPath)
      const all = node(folder, 'paths.cjs')
      t.equal(all.code, 0, all.err)
      t.strictSame(
        objects(all.out),
        modules.map((path) => ({ path, same: true, some: true }))
      )
    })
  })

  // Types are the same however it was installed; the last folder is taken apart.
  if (name === 'plain')
    t.test('types', { skip: offline }, async (t) => {
      const types = ['@types/node', 'undici-types']
      for (const module of types) {
        cpSync(join(root, 'node_modules', module), join(folder, 'node_modules', module), {
          recursive: true
        })
      }
      writeFileSync(join(folder, 'own.mts'), `${program}\nconst first: number = losses[0] ?? 0`)
      const source = readFileSync(join(folder, 'own.mts'), 'utf8')
      writeFileSync(
        join(folder, 'own.mts'),
        source.replace('const losses =', 'const losses: number[] =')
      )
      writeFileSync(
        join(folder, 'wrong.mts'),
        `import { conv2d } from 'alexnode'\n// @ts-expect-error filters is a number\nconv2d({ filters: '8', size: 5 })\n`
      )
      writeFileSync(
        join(folder, 'common.cts'),
        `import { conv2d, type Device, open } from 'alexnode'
import { Tensor } from 'alexnode/engine'
export const opened: Promise<Device> = open('cpu')
export const known = (value: unknown): boolean => value instanceof Tensor
// @ts-expect-error filters is a number
conv2d({ filters: '8', size: 5 })\n`
      )
      const all = modules.map(
        (path, i) => `import * as path${i} from '${path}'\nexport const all${i} = path${i}\n`
      )
      for (const file of ['paths.mts', 'paths.cts']) writeFileSync(join(folder, file), all.join(''))
      // Those that draw charts need packages of the clone.
      const sources = readdirSync(join(root, 'examples'), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts'))
        .map((file) => ({ file, text: readFileSync(join(root, 'examples', file), 'utf8') }))
        .filter(({ text }) => !/from '(vega|\.\/shared\/chart)/.test(text))
      mkdirSync(join(folder, 'shared'))
      const examples = sources.map(({ file, text }) => {
        const module = file.replace(/\.ts$/, '.mts')
        writeFileSync(join(folder, module), text.replaceAll(/'(\.[\w/.-]+)\.ts'/g, "'$1.mjs'"))
        return module
      })
      t.ok(examples.length >= 7, `${examples}`)
      for (const [module, moduleResolution] of [
        ['node16', 'node16'],
        ['nodenext', 'nodenext'],
        ['esnext', 'bundler']
      ]) {
        const files = ['own.mts', 'wrong.mts', 'paths.mts', ...examples]
        if (moduleResolution !== 'bundler') files.push('common.cts', 'paths.cts')
        for (const esModuleInterop of [true, false]) {
          const compilerOptions = {
            module,
            moduleResolution,
            esModuleInterop,
            ignoreDeprecations: '6.0',
            target: 'es2022',
            lib: ['es2023'],
            strict: true,
            skipLibCheck: false,
            noEmit: true,
            types: ['node'],
            exactOptionalPropertyTypes: true,
            noUncheckedIndexedAccess: true
          }
          const config = { compilerOptions, files }
          writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
          const tsc = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc')], {
            cwd: folder,
            encoding: 'utf8'
          })
          t.equal(tsc.stdout, '', `${moduleResolution}, esModuleInterop ${esModuleInterop}`)
          t.equal(tsc.status, 0)
        }
      }
    })

  if (name === 'ignore-scripts')
    t.test('broken', { skip: offline || noHiding }, async (t) => {
      rmSync(join(installed, 'prebuilds', system, dnnl))
      const { code, out, err } = run(folder, join(folder, 'node_modules/.bin/alexnode'), 'summary')
      t.match({ code, out }, { code: 1, out: '' })
      const words = err.replaceAll(/\s+/g, ' ')
      t.match(words, /a library that it needs is damaged: /)
      t.match(words, `/${dnnl}.`)
      t.notMatch(err, /\n +at /, 'no stack')
      t.ok(widest(err, installed, dirname(installed)) <= 80, err)

      rmSync(join(installed, 'prebuilds'), { recursive: true })
      const none = node(
        folder,
        '-e',
        "import('alexnode').catch((error) => console.log(error.name, error.message))"
      )
      t.match(none, { code: 0, err: '' })
      t.match(
        none.out,
        /^AddonError \[alexnode\] .*no binary is prebuilt for linux-x64, and none was/
      )
      t.match(none.out, /`npx alexnode build`/)

      // It must say what is missing, and how to get it, and compile nothing.
      const built = run(folder, join(folder, 'node_modules/.bin/alexnode'), 'build')
      t.match(built, { code: 1, out: '' })
      t.match(built.err, /missing: a C\+\+20 compiler, make, CMake, oneDNN, libjpeg-turbo\./)
      t.match(built.err, /alexnode build: nothing was compiled\./)
      t.notOk(existsSync(join(installed, 'build')))
    })
}
