// Makes a fresh clone ready: system packages, npm's, the addon, dist. Every step says what it is
// about to do, does nothing when already done, and starts again from what is whole after an
// interruption. npm runs it before `npm start`, `npm test` (--test) and `npm run lint` (--lint).
const { execFileSync, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const { availableParallelism, totalmem } = require('node:os')
const { join, resolve } = require('node:path')
const dist = require('./dist.cjs')
const { has, install, isThere } = require('./native-deps.cjs')
const { changedSince, nativeSources, stamped } = require('./stamps.cjs')

const root = resolve(__dirname, '..')
const addon = join(root, 'build/Release/alexnode.node')
const nativeStamp = 'build/native.stamp'

process.chdir(root)

const say = (text) => console.error(`alexnode: ${text}`)
// stdout belongs to the program that comes after (`npm start -- --json`).
const run = (command, ...args) => execFileSync(command, args, { stdio: ['inherit', 2, 2] })

/** Whether every npm package is there, at the locked version. */
function packagesAreWhole() {
  try {
    const read = (file) => JSON.parse(fs.readFileSync(file, 'utf8')).packages
    const wanted = Object.entries(read('package-lock.json')).filter(([path]) => path !== '')
    const installed = read('node_modules/.package-lock.json')
    return (
      wanted.every(([path, { version, optional }]) =>
        path in installed ? installed[path].version === version : optional
      ) && Object.keys(installed).every((path) => fs.existsSync(join(path, 'package.json')))
    )
  } catch {
    return false
  }
}

function loadError() {
  try {
    require(addon)
  } catch (error) {
    return error.message
  }
}

/** Compute capabilities of the GPUs that are here, such as '90 120'; kernels for others would take minutes. */
function gpus() {
  const query = ['--query-gpu=compute_cap', '--format=csv,noheader']
  const { status, stdout } = spawnSync('nvidia-smi', query, { encoding: 'utf8' })
  return status === 0 ? stdout.replaceAll('.', '').split('\n').join(' ').trim() : ''
}

function compile() {
  process.env.ALEXNODE_CUDA_ARCHS ??= gpus()
  const jobs = Math.max(1, Math.min(availableParallelism(), Math.floor(totalmem() / 2 ** 30)))
  let stage = ''
  const attempt = () => {
    stage = 'configure'
    const node = `-DNODE_EXECUTABLE=${process.execPath}`
    run('cmake', '-S', '.', '-B', 'build/cmake', '-DCMAKE_BUILD_TYPE=Release', node)
    stage = 'build'
    run('cmake', '--build', 'build/cmake', '--parallel', process.env.JOBS ?? `${jobs}`)
    stage = 'load'
    const problem = loadError()
    if (problem) throw new Error(`the addon does not load: ${problem}`)
  }
  // A build folder that was copied from elsewhere, or whose build was cut short, may be broken.
  const cutShort = fs.existsSync('build/unfinished')
  fs.mkdirSync('build', { recursive: true })
  fs.writeFileSync('build/unfinished', '')
  try {
    attempt()
  } catch (error) {
    if (stage !== 'build' || cutShort) {
      say('starting the build afresh')
      fs.rmSync('build/cmake', { recursive: true, force: true })
      attempt()
    } else throw error
  } finally {
    fs.rmSync('build/unfinished')
  }
}

/** The steps that are not done yet, each with what it does. */
function steps({ lint, test }) {
  const todo = []
  const add = (what, act) => todo.push({ what, act })
  const compiles =
    !lint && (changedSince(nativeStamp, ...nativeSources) || loadError() !== undefined)
  // First what may need an administrator, so that nobody waits for the rest in vain.
  const system = lint ? 'lint' : 'build'
  if ((lint || compiles) && !isThere(system)) {
    add('installing what the build needs from the system', () => {
      if (!install(system)) process.exit(1)
    })
  }
  if (!packagesAreWhole()) {
    add('installing the packages of package-lock.json (npm ci)', () =>
      // Errors alone: what only a release needs asks for a newer Node, each of its packages with a warning.
      run('npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error')
    )
  }
  if (lint) return todo
  if (compiles) {
    add('compiling the addon (cmake, in build/)', () => stamped(nativeStamp, compile))
  }
  if (dist.isStale()) add('compiling TypeScript into dist', dist.compile)
  if (test && !isThere('test')) {
    add('installing what the tests compare with', () => {
      if (!install('test')) {
        say('without PyTorch its tests are skipped, and without OpenBLAS it is slow')
      }
    })
  }
  return todo
}

const args = process.argv.slice(2)
const options = { lint: args.includes('--lint'), test: args.includes('--test') }
try {
  const todo = steps(options)
  if (todo.length > 0 && !args.includes('--locked') && has('flock')) {
    // Two set-ups at once would spoil each other's work: the second waits, then finds it done.
    if (spawnSync('flock', ['--nonblock', '.', 'true']).status !== 0) {
      say('waiting for another set-up of this clone to end')
    }
    const { status } = spawnSync(
      'flock',
      ['.', process.execPath, __filename, ...args, '--locked'],
      {
        stdio: 'inherit'
      }
    )
    process.exit(status ?? 1)
  }
  for (const [i, { what, act }] of todo.entries()) {
    say(`step ${i + 1} of ${todo.length}: ${what}`)
    const start = performance.now()
    act()
    say(`step ${i + 1} of ${todo.length} took ${((performance.now() - start) / 1000).toFixed(1)} s`)
  }
} catch (error) {
  say(error.message)
  process.exit(1)
}
