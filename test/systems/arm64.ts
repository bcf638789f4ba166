/**
 * Tries alexnode on arm64: compiles the clone for it, and runs that under QEMU's emulation of its user mode.
 *
 *   npm run test:arm64                   all of it: a quarter of an hour on two cores
 *   npm run test:arm64 -- doctor train   what has one of these words in its line
 *   npm run test:arm64 -- --keep         records the results in docs/systems.json and docs/systems.md
 *   npm run test:arm64 -- --suite trixie --node 22.23.5
 *
 * Root has to run it, on Linux on x86-64 with debootstrap. What it makes lies in build/arm64/ (1.5 GB), and a
 * second run takes what did not change from there. QEMU orders reads and writes of memory as x86 does, and
 * its pace says nothing of a real machine's.
 */
import { availableParallelism, totalmem } from 'node:os'
import { optionsOf } from '../../bench/options.ts'
import { type Arm64Case, arm64Cases } from './arm64-cases.ts'
import { Arm64Root } from './arm64-root.ts'
import { noRoot } from './debian-root.ts'
import { chosenBy, debianOf, nodeOf } from './options.ts'
import { record } from './record.ts'

const { values, positionals } = optionsOf({
  allowPositionals: true,
  options: {
    suite: { type: 'string', default: 'bookworm' },
    node: { type: 'string', default: '24.22.3' },
    keep: { type: 'boolean', default: false }
  }
})
const { suite, keep } = values
const debian = debianOf(suite)
const node = nodeOf(values.node)
const text = ({ what, on }: Arm64Case) => `${what} (${on.title})`
const chosen = chosenBy(positionals, arm64Cases, text)

const count = { passed: 0, failed: 0, skipped: 0 }
const reason = noRoot()
if (reason !== undefined) {
  console.log(`skipped  all of it: ${reason}`)
  count.skipped = chosen.length
} else {
  const root = new Arm64Root({ suite, node })
  if (prepare(root)) await tryAll(root)
  else count.failed = chosen.length
}
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`)
process.exitCode = count.failed > 0 ? 1 : 0

/** Makes what is tried. @returns whether that went well */
function prepare(root: Arm64Root): boolean {
  const jobs = Math.max(1, Math.min(availableParallelism(), Math.floor(totalmem() / 2 ** 30)))
  const steps: readonly (readonly [string, () => void])[] = [
    [`${debian} with a compiler and libraries for arm64`, () => root.makeSystem()],
    [`Node ${node} for arm64, from npm`, () => root.makeNode()],
    ['the sources, and the packages of npm that they need', () => root.copySources()],
    ['compiling the addon for arm64', () => root.compile(jobs)]
  ]
  for (const [what, act] of steps) {
    process.stdout.write(`${what} … `)
    const start = performance.now()
    try {
      act()
    } catch (error) {
      console.log(`FAILED\n${messageOf(error)}`)
      return false
    }
    console.log(`${seconds(start)} s`)
  }
  return true
}

async function tryAll(root: Arm64Root): Promise<void> {
  const emulator = `arm64, emulated by QEMU ${root.emulator()}`
  for (const one of chosen) {
    const start = performance.now()
    let passed: true | string = true
    let said = ''
    try {
      said = await one.run(root)
      count.passed++
    } catch (error) {
      passed = messageOf(error)
      count.failed++
    }
    const took = seconds(start)
    console.log(`${passed === true ? 'passed ' : 'FAILED '}  ${text(one)} (${took} s)`)
    console.log((passed === true ? said : passed).replaceAll(/^/gm, '         '))
    if (keep) {
      const date = new Date().toISOString().slice(0, 10)
      const [system, tool, what] = [`${debian}, arm64`, emulator, text(one)]
      record({ group: 'Systems', system, node, tool, what, passed, date, seconds: took })
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function seconds(start: number): number {
  return Number(((performance.now() - start) / 1000).toFixed(1))
}
