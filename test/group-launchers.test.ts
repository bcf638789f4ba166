// Ranks that others start: MPI, torchrun, and what srun sets.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { freePort } from './free-port.ts'
import { writeSmallSet } from './idx-files.ts'
import { Running, startOf } from './programs.ts'
import { gloo as skip, startRanks } from './ranks.ts'

const root = resolve(import.meta.dirname, '..')
const dir = t.testdir()
const data = join(dir, 'data')
await writeSmallSet(data)
const member = [process.execPath, ...startOf('test/group-member.ts', {}), 'exchange', '20']
const training = (out: string) => [
  ...['train', '--net', 'tf-mnist', '--start', 'even', '--lr', '.01', '--data', data],
  ...['--batch', '6', '--steps', '3', '--threads', '1', '--no-test', '--out', out]
]
const weights = (out: string) => readFileSync(join(out, 'weights.safetensors'))

/** The weights that two ranks make, started by the variables that torchrun sets. */
const expected = join(dir, 'expected')
if (!skip) {
  const ranks = await startRanks(2, 'lib/cli/main.ts', training(expected))
  for (const { ended } of ranks) {
    const { code, err } = await ended
    t.equal(code, 0, err)
  }
}

// PyTorch 1.13 under Python 3.11 starts nothing without these.
const logged = ['--log_dir', join(dir, 'logs'), '-r', '1', '-t', '1']
const launchers: readonly (readonly [name: string, program: string, ...args: string[]])[] = [
  ['Open MPI', 'mpirun.openmpi', '--allow-run-as-root', '--oversubscribe', '-n'],
  ['MPICH', 'mpiexec.hydra', '-n'],
  ['torchrun', 'torchrun', ...logged, '--no_python', '--nproc_per_node']
]

/** What a launcher's processes and itself write. */
async function run(launcher: string, args: readonly string[]) {
  const child = spawn(launcher, args, { cwd: root, env: { ...process.env, NODE_OPTIONS: '' } })
  let out = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      out += text
    })
  }
  const [code] = await once(child, 'close')
  return { code, out }
}

for (const [name, launcher, ...args] of launchers) {
  const { error, status, stderr } = spawnSync(launcher, [...args, '1', 'true'], {
    encoding: 'utf8'
  })
  const why = error
    ? `there is no ${launcher}`
    : `${launcher} fails: ${stderr.trim().split('\n').at(-1)}`
  const lacks = status === 0 ? false : why
  t.test(`${name}: the ranks meet`, { skip: lacks }, async (t) => {
    const { code, out } = await run(launcher, [...args, '3', ...member])
    t.equal(code, 0, out)
    t.equal(out.match(/\{"all":\["id 0","id 1","id 2"\]\}/g)?.length, 3, out)
  })
  t.test(`${name}: they train`, { skip: lacks || skip }, async (t) => {
    const out = join(dir, name)
    const program = [process.execPath, ...startOf('lib/cli/main.ts', {}), ...training(out)]
    const { code, out: text } = await run(launcher, [...args, '2', ...program])
    t.equal(code, 0, text)
    t.match(text, /2 processes on 1 machine/)
    t.ok(weights(out).equals(weights(expected)), 'as ranks that others start')
  })
}

t.test('what srun sets', { skip }, async (t) => {
  const out = join(dir, 'Slurm')
  const port = await freePort()
  const ranks = [0, 1].map((rank) => {
    return new Running('lib/cli/main.ts', training(out), {
      SLURM_JOB_ID: '71',
      SLURM_STEP_ID: '0',
      SLURM_PROCID: `${rank}`,
      SLURM_LOCALID: `${rank}`,
      SLURM_NTASKS: '2',
      SLURM_STEP_TASKS_PER_NODE: '2',
      SLURM_STEP_NODELIST: 'localhost',
      MASTER_ADDR: '127.0.0.1',
      MASTER_PORT: `${port}`
    })
  })
  const [first, second] = await Promise.all(ranks.map(({ ended }) => ended))
  t.equal(first?.code, 0, first?.err ?? '')
  t.match(first?.out, /started by\s+Slurm/)
  t.equal(second?.code, 0, second?.err ?? '')
  t.ok(weights(out).equals(weights(expected)))
})
