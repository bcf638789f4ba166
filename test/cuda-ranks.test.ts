// `alexnode train` by several processes with a GPU each, on the doubles: each takes the GPU of its number.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { needsDouble, useDouble } from './cuda-double.ts'
import { Control } from './fake-cuda/control.ts'
import { writeSmallSet } from './idx-files.ts'
import { objects } from './programs.ts'
import { startRanks } from './ranks.ts'

await useDouble(t)
const dir = t.testdir()
const data = join(dir, 'data')
await writeSmallSet(data)
const options = [
  ...['train', '--net', 'tf-mnist', '--start', 'even', '--lr', '.01', '--data', data],
  ...['--batch', '4', '--threads', '1', '--no-test', '--timeout', '20']
]

/** Two ranks on a machine of so many GPUs. */
async function train(gpus: number, ...args: string[]) {
  const controls = [0, 1].map((rank) => new Control(join(dir, `control-${rank}`)))
  const all = await startRanks(2, 'lib/cli/main.ts', [...options, ...args], (rank) => ({
    ALEXNODE_FAKE_CUDA: `devices=${gpus}`,
    ALEXNODE_FAKE_CUDA_CONTROL: controls[rank]?.path
  }))
  const ended = await Promise.all(all.map(({ ended }) => ended))
  for (const control of controls) {
    t.strictSame(control.left(), {})
    control.close()
  }
  return ended
}
const flat = (text = '') => text.replace(/\s+/g, ' ')

t.test('two ranks, and two GPUs', needsDouble, async (t) => {
  const out = join(dir, 'out')
  const [first, second] = await train(2, '--steps', '3', '--out', out)
  t.match(first, { code: 0, err: '' })
  t.match(second, { code: 0, err: '', out: '' })
  t.match(flat(first?.out), /Device cuda:0: Fake GPU/)
  const losses = objects(readFileSync(join(out, 'log.jsonl'), 'utf8')).filter(
    (one) => 'loss' in one
  )
  t.equal(losses.length, 3)
  const more = await train(2, '--resume', '--device', 'cuda', '--steps', '4', '--out', out)
  for (const { code, err } of more) t.equal(code, 0, err)
})

t.test('two ranks, and one GPU', needsDouble, async (t) => {
  for (const { code, err } of await train(1, '--steps', '3', '--out', join(dir, 'none'))) {
    t.equal(code, 1)
    t.match(flat(err), /expected a GPU of its own for each rank, got one for two: cuda:0 of rank 1/)
  }
})
