/** A user's tests, under Jest and Vitest: they pass or fail, and end by themselves. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { match, same } from './expect.ts'
import { add, install, write } from './project.ts'
import type { Place, Scenario } from './scenario.ts'

const jestVersion = '30.5.2'
const vitestVersion = '5.1.2'

/** What a runner is asked for, and what it has to say; it must end within a minute. */
async function expectEnd(
  place: Place,
  args: readonly string[],
  { code, said }: { readonly code: 0 | 1; readonly said: RegExp }
): Promise<string> {
  const ended = await place.run('node', args, { timeout: 60_000, env: { NO_COLOR: '1' } })
  const all = ended.out + ended.err
  match(args.join(' '), all, said)
  same(`${args.join(' ')}: status`, ended.code, code)
  return all
}

/** The project with the runner in it, and a second test file, to run beside the first. */
async function prepare(place: Place, runner: 'jest' | 'vitest', version: string): Promise<string> {
  await install(place)
  const at = (file: string) => join(place.folder, file)
  cpSync(at('two-steps.test.mjs'), at('second.test.mjs'))
  return add(place, runner, version)
}

async function jest(place: Place): Promise<void> {
  const program = join(await prepare(place, 'jest', jestVersion), 'bin/jest.js')
  write(place, 'jest.config.json', {
    testMatch: ['**/*.test.mjs', '**/*.test.cjs'],
    moduleFileExtensions: ['mjs', 'cjs', 'js', 'json', 'node'],
    transform: {}
  })
  const node = ['--experimental-vm-modules', program]
  const passes = { code: 0, said: /^Tests: +2 passed, 2 total$/m } as const
  await expectEnd(place, [...node, 'two-steps', 'second'], passes)
  const handles = [...node, '--detectOpenHandles', 'two-steps', 'second']
  const said = await expectEnd(place, handles, passes)
  if (/open handle/.test(said)) throw new Error(`open handles: ${said}`)
  await expectEnd(place, [...node, 'half-way'], { code: 1, said: /^Tests: +1 failed, 1 total$/m })
}

/** Jest's own require() brings ES modules from Node 24.9 on. */
async function required(place: Place): Promise<void> {
  const program = join(await prepare(place, 'jest', jestVersion), 'bin/jest.js')
  write(place, 'jest.config.json', { testMatch: ['**/*.test.cjs'], transform: {} })
  const args = ['--experimental-vm-modules', program]
  await expectEnd(place, args, { code: 0, said: /^Tests: +1 passed, 1 total$/m })
}

async function vitest(place: Place, pool: string): Promise<void> {
  const program = join(await prepare(place, 'vitest', vitestVersion), 'vitest.mjs')
  const run = [program, 'run', '--globals', '--pool', pool]
  const passes = { code: 0, said: /^ +Tests +2 passed \(2\)$/m } as const
  await expectEnd(place, [...run, 'two-steps', 'second'], passes)
  const fails = { code: 1, said: /^ +Tests +1 failed \(1\)$/m } as const
  const said = await expectEnd(place, [...run, 'half-way'], fails)
  if (/Unhandled|hanging/i.test(said)) throw new Error(said)
}

export const scenarios: readonly Scenario[] = [
  ...['20.20.2', '26.12.1'].map(
    (node): Scenario => ({
      group: 'Test runners',
      tool: `Jest ${jestVersion}`,
      node,
      what: 'two test files at once train, no open handles; one that fails half-way ends',
      run: jest
    })
  ),
  {
    group: 'Test runners',
    tool: `Jest ${jestVersion}`,
    node: '26.12.1',
    what: 'a test file that has the package by require() trains',
    run: required
  },
  ...['forks', 'threads', 'vmThreads'].map(
    (pool): Scenario => ({
      group: 'Test runners',
      tool: `Vitest ${vitestVersion}`,
      node: '22.23.5', // the oldest that it runs on
      what: `pool ${pool}: two test files at once train; one that fails half-way ends`,
      run: (place) => vitest(place, pool)
    })
  )
]
