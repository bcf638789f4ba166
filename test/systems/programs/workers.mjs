// Two workers that train at once, one that is terminated in the middle of a step, and one after that.
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'

/** Prints what two-steps.mjs prints, and ends. */
async function train() {
  const worker = new Worker(new URL('two-steps.mjs', import.meta.url))
  const [code] = await once(worker, 'exit')
  return code
}

const together = await Promise.all([train(), train()])
const endless = new Worker(new URL('endless.mjs', import.meta.url))
await once(endless, 'message')
await sleep(7)
const terminated = await endless.terminate()
console.log(JSON.stringify({ together, terminated, after: await train() }))
