// Fills .gpu/ with all that a bare x86-64 machine needs to try alexnode: Node itself, the package
// installed with its prebuilt addon, and the kit's stages (kit/), beside the script that runs them.
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const { tmpdir } = require('node:os')
const { join, resolve } = require('node:path')
const { has } = require('./native-deps.cjs')

const LIMIT = 50 * 2 ** 20
const root = resolve(__dirname, '..')
const out = join(root, '.gpu')
process.chdir(root)

const say = (text) => console.error(`alexnode: ${text}`)
const run = (command, args, options) =>
  execFileSync(command, args, { stdio: ['ignore', 2, 2], ...options })
const npm = (args, options) => run('npm', [...args, '--no-audit', '--no-fund'], options)

/** The package as a user gets it, with its dependencies, in `folder`/node_modules. */
function installPackage(folder) {
  run(process.execPath, ['scripts/prebuilds.cjs', '--if-stale'])
  npm(['pack', '--silent', '--pack-destination', folder])
  const tarball = fs.readdirSync(folder).find((file) => file.endsWith('.tgz'))
  fs.writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  npm(['install', '--ignore-scripts', '--omit=optional', '--prefer-offline', `./${tarball}`], {
    cwd: folder
  })
  fs.rmSync(join(folder, tarball))
}

/** The kit's own programs, compiled, beside the package's. */
function addStages(folder) {
  const compiled = join(folder, 'compiled')
  run('npx', ['tsc', '-p', 'tsconfig.kit.json', '--outDir', compiled])
  const dist = join(folder, 'node_modules/alexnode/dist')
  for (const part of ['kit', 'bench', 'test']) {
    fs.cpSync(join(compiled, part), join(dist, part), { recursive: true })
  }
  for (const part of ['bench', 'test/pytorch']) {
    for (const file of fs.readdirSync(part).filter((name) => name.endsWith('.py'))) {
      fs.copyFileSync(join(part, file), join(dist, part, file))
    }
  }
  fs.copyFileSync('test/cuda-abi.cc', join(dist, 'test/cuda-abi.cc'))
  fs.rmSync(compiled, { recursive: true })
}

/** Node without the symbols that only debuggers read. */
function addNode(folder) {
  const node = join(folder, 'node')
  fs.copyFileSync(process.execPath, node)
  if (has('strip')) run('strip', ['--strip-unneeded', node])
  run(node, ['--eval', ''])
}

function main() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(
      `the kit is for x86-64 Linux and is made on it, not on ${process.platform}-${process.arch}`
    )
  }
  if (!has('xz')) throw new Error('missing: xz. Install xz-utils and try again.')
  const folder = fs.mkdtempSync(join(tmpdir(), 'alexnode-kit-'))
  try {
    say('packing the package and installing it')
    installPackage(folder)
    addStages(folder)
    addNode(folder)
    say('compressing')
    fs.rmSync(out, { recursive: true, force: true })
    fs.mkdirSync(out)
    const archive = join(out, 'kit.tar.xz')
    run('tar', ['-C', folder, '-cf', archive, '-I', 'xz -T0', 'node', 'node_modules'])
    fs.copyFileSync('kit/run.sh', join(out, 'run.sh'))
    const { size } = fs.statSync(archive)
    if (size > LIMIT) throw new Error(`expected 50 MiB at most, got ${size} bytes`)
    say(`.gpu/ holds ${(size / 2 ** 20).toFixed(1)} MiB: copy it, then run .gpu/run.sh`)
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

try {
  main()
} catch (error) {
  say(error.message)
  process.exit(1)
}
