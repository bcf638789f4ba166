/** Runtimes beside Node that run native addons. */
import { join } from 'node:path'
import { match, same } from './expect.ts'
import { install, lastObject, trained } from './project.ts'
import type { Place, Scenario } from './scenario.ts'

const version = '2.9.6'
const cli = 'node_modules/alexnode/dist/lib/cli/main.js'

async function deno(place: Place): Promise<void> {
  await install(place)
  const program = join(await place.tool(`@deno/linux-${process.arch}-glibc`, version), 'deno')
  const run = (...args: string[]) => place.ok(program, ['run', '-A', ...args], { timeout: 60_000 })
  const here = trained((await place.ok('node', ['two-steps.mjs'])).out)
  same('losses on Deno and on Node', trained((await run('two-steps.mjs')).out), here)
  same('losses by require()', trained((await run('require.cjs')).out).length, 2)

  const workers = lastObject((await run('workers.mjs')).out)
  same(
    'workers',
    { together: workers.together, after: workers.after },
    { together: [0, 0], after: 0 }
  )

  match('doctor', (await run(cli, 'doctor')).out, /^cpu: ready/m)
  const args = ['--net', 'cifar', '--data', 'shapes', '--steps', '2', '--batch', '4', '--json']
  match('train', (await run(cli, 'train', ...args)).out, /"final":true.*"steps":2/)
}

export const scenarios: readonly Scenario[] = [
  {
    group: 'Other runtimes',
    tool: `Deno ${version}`,
    what: 'the losses of Node, workers, one terminated in mid-step, doctor, alexnode train',
    skip: () =>
      process.platform === 'linux' && process.arch === 'x64'
        ? undefined
        : 'its binary is for Linux on x64',
    run: deno
  }
]
