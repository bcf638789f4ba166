/** Processes that end in the middle of things; test/lifetime.test.ts starts them. */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { alexnet, conv2d, defineNet, dense, flatten, open, relu, shapes, train } from 'alexnode'
import { record } from 'alexnode/engine'

const [mode = ''] = isMainThread ? process.argv.slice(2) : [String(workerData)]

/** Trains a net of two layers and tells each step's loss. */
async function trainTiny(steps: number, told: (loss: number) => void): Promise<void> {
  const definition = defineNet({
    name: 'tiny',
    input: { channels: 1, height: 16, width: 16 },
    layers: [
      conv2d({ filters: 8, size: 3, padding: 'same' }),
      relu(),
      flatten(),
      dense({ units: 10 })
    ]
  })
  await using device = await open('cpu', { threads: 1 })
  await using net = await definition.build(device, { batch: 16, seed: 7 })
  const data = shapes({ size: 16, train: 64, test: 8 })
  for await (const step of train(net, data.train, { steps, lr: 0.01 })) told(step.loss)
}

/** A device with a stream that has seconds of work queued. */
async function busy() {
  const device = await open('cpu', { threads: 1 })
  const stream = device.stream()
  const spec = { shape: [1024, 1024], dtype: 'f32', layout: 'ab' } as const
  const op = await stream.prepare('gemm', {}, { c: spec, a: spec, b: spec })
  const [a, b, c] = [0, 0, 0].map(() => device.allocate(4 * 1024 * 1024).tensor(spec))
  const scratch = device.allocate(op.scratch + 64)
  const room = scratch.tensor({ shape: [op.scratch + 64], dtype: 'u8' })
  for (let i = 0; i < 400; i++) stream.run(op, { c, a, b }, room)
  return { device, stream }
}

/** This file again, in a worker, which must be told anew how to read TypeScript. */
const startWorker = (workerData: string) =>
  new Worker(
    `import('tsx/esm/api').then(({ register }) => {
      register()
      return import(${JSON.stringify(import.meta.url)})
    })`,
    { eval: true, workerData, execArgv: [] }
  )

const modes: Record<string, () => Promise<void>> = {
  /** process.exit with work queued and a promise open. */
  async exit() {
    const { stream } = await busy()
    stream.synchronize().catch(() => {})
    await sleep(20)
    process.exit(7)
  },
  /** Nothing is closed, and nothing waited for. */
  async unclosed() {
    await busy()
    console.log('left')
  },
  async throws() {
    await busy()
    throw new Error('thrown on purpose')
  },
  /** A program of two streams that wait for one another, left in the middle. */
  async events() {
    const device = await open('cpu', { threads: 1 })
    const [one, two] = [device.stream(), device.stream()]
    const spec = { shape: [512, 512], dtype: 'f32', layout: 'ab' } as const
    const op = await one.prepare('gemm', {}, { c: spec, a: spec, b: spec })
    const [a, b, c] = [0, 0, 0].map(() => device.allocate(4 * 512 * 512).tensor(spec))
    const room = device.allocate(op.scratch + 64).tensor({ shape: [op.scratch + 64], dtype: 'u8' })
    const [there, back] = [device.event(), device.event()]
    const program = record([one, two], () => {
      for (let i = 0; i < 8; i++) {
        one.run(op, { c, a, b }, room)
        one.record(there)
        two.wait(there)
        two.run(op, { c, a, b }, room)
        two.record(back)
        one.wait(back)
      }
    })
    for (let i = 0; i < 50; i++) program.run().catch(() => {})
    await sleep(50)
    process.exit(7)
  },
  /** The same losses on the main thread and in a worker. */
  async worker() {
    const here: number[] = []
    await trainTiny(4, (loss) => here.push(loss))
    const worker = startWorker('train')
    const there: unknown[] = []
    worker.on('message', (loss) => there.push(loss))
    const [code] = await once(worker, 'exit')
    console.log(JSON.stringify({ code, here, there }))
  },
  async train() {
    await trainTiny(4, (loss) => parentPort?.postMessage(loss))
  },
  /** Workers that are terminated in the middle of a step, then work on the main thread. */
  async terminate() {
    for (const wait of [0, 3, 11]) {
      const worker = startWorker('endless')
      await once(worker, 'message')
      await sleep(wait)
      console.log('ended', await worker.terminate())
    }
    await trainTiny(2, (loss) => console.log('loss', loss))
  },
  async endless() {
    const definition = alexnet({ classes: 10, input: { channels: 1, height: 67, width: 67 } })
    await using device = await open('cpu', { threads: 1 })
    await using net = await definition.build(device, { batch: 2 })
    const data = shapes({ size: 67, train: 8, test: 8 })
    for await (const step of train(net, data.train, { steps: 1000, lr: 0 })) {
      parentPort?.postMessage(step.loss)
    }
  }
}

await modes[mode]?.()
