/** Processes on the double of CUDA that fail or end in the middle of things; tests start them. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { type Device, open } from '../lib/engine/device.ts'
import { listCheckpoints, readCheckpoint, writeCheckpoint } from '../lib/run/checkpoint.ts'
import { toCheckpoint } from '../lib/run/snapshot.ts'
import { type Snapshot, type Step, train } from '../lib/training/train.ts'
import { failure } from './failure.ts'
import { smallNet, smallSet } from './small-net.ts'

const [mode = '', folder = ''] = isMainThread ? process.argv.slice(2) : [String(workerData)]
const message = async (promise: Promise<unknown>) => String(await failure(promise))

/** Trains without end on a device. */
async function* training(device: Device, save?: (snapshot: Snapshot) => Promise<void>) {
  const net = await smallNet().build(device, { batch: 4, seed: 3 })
  const checkpoint = save ? { checkpoint: { every: 2, save } } : {}
  yield* train(net, smallSet(32), { steps: 1e6, lr: 0.001, momentum: 0.9, ...checkpoint })
}

const modes: Record<string, () => Promise<void>> = {
  /** Trains on a GPU until that is lost, then on the CPU. */
  async lost() {
    const device = await open('cuda:0')
    const other = await open('cuda:1')
    const idle = other.stream()
    const save = async (snapshot: Snapshot) => {
      await writeCheckpoint(folder, toCheckpoint(snapshot))
    }
    const told: string[] = []
    const course = async () => {
      for await (const { step } of training(device, save)) if (step === 5) console.log('training')
    }
    told.push(await message(course()))
    told.push(await message(idle.synchronize()), await message(open('cuda:1')))
    await device.close()
    await other.close()
    const kept = await listCheckpoints(folder)
    for (const { folder } of kept) await readCheckpoint(folder)
    const losses: number[] = []
    const cpu = await open('cpu')
    for await (const { loss, step } of training(cpu)) {
      losses.push(loss)
      if (step === 2) break
    }
    await cpu.close()
    console.log(JSON.stringify({ told, kept: kept.length, losses }))
    process.exitCode = 3
  },
  /** process.exit in the middle of a step. */
  async exit() {
    for await (const { step } of training(await open('cuda'))) {
      if (step === 3) setTimeout(() => process.exit(7), 5)
    }
  },
  /** Nothing is closed, and nothing waited for. */
  async unclosed() {
    const device = await open('cuda')
    const stream = device.stream()
    const tensor = device.allocate(4e6).tensor({ shape: [1e6], dtype: 'f32' })
    const op = await stream.prepare('relu', {}, { y: tensor, x: tensor })
    for (let i = 0; i < 20; i++) stream.run(op, { y: tensor, x: tensor })
    console.log('left')
  },
  /** Workers are terminated in the middle of a step, then the main thread trains. */
  async terminate() {
    for (const wait of [0, 7, 20]) {
      const worker = new Worker(
        `import('tsx/esm/api').then(({ register }) => {
          register()
          return import(${JSON.stringify(import.meta.url)})
        })`,
        // The look at the libraries is a process, which must be told, too.
        {
          eval: true,
          workerData: 'endless',
          execArgv: [],
          env: { ...process.env, NODE_OPTIONS: '--import tsx' }
        }
      )
      await once(worker, 'message')
      await sleep(wait)
      console.log('ended', await worker.terminate())
    }
    await using device = await open('cuda')
    const steps: Step[] = []
    for await (const step of training(device)) if (steps.push(step) === 3) break
    console.log('trained', steps.length)
  },
  async endless() {
    for await (const { loss } of training(await open('cuda'))) parentPort?.postMessage(loss)
  },
  /** Opens, prepares an op, and tells what the device says of itself; or what it fails with. */
  async open() {
    try {
      await using device = await open(process.env.WHICH ?? 'cuda')
      const stream = device.stream()
      const like = { shape: [8], dtype: 'f32' } as const
      const x = device.allocate(32).tensor(like)
      const op = await stream.prepare('relu', {}, { y: x, x })
      stream.write(x, Float32Array.of(-1, 2, -3, 4, -5, 6, -7, 8))
      stream.run(op, { y: x, x })
      console.log(`${await stream.read(x)}`, device.description)
    } catch (error) {
      console.log(String(error))
    }
  }
}

await modes[mode]?.()
