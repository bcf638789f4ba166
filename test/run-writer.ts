// A process that trains, as far as the disk can tell, until it is done or killed: for
// run-folder.test.ts. It logs each step, saves every fourth, and ends at step 40; with a number of saves it
// stands still after so many, until it is killed.

import { setTimeout as sleep } from 'node:timers/promises'
import { openRun } from '../lib/run/folder.ts'
import { checkpointOf } from './checkpoint-writer.ts'

const [, , , out, most = 'Infinity'] = process.argv
if (process.argv[2] === 'train' && out !== undefined) {
  const run = await openRun(out, { resume: true, options: { lr: 0.01 }, keep: 2 })
  let saves = 0
  for (let step = run.step + 1; step <= 40; step += 1) {
    await run.log({ step, loss: 1 / (step + 2) })
    if (step % 4 !== 0) continue
    await run.save(checkpointOf(step))
    process.send?.({ saved: step })
    if (++saves >= Number(most)) await sleep(60_000)
  }
  await run.log({ final: true, steps: 40 })
  await run.close()
}
