// Memory: what is taken is given back, and a long run does not grow.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import { native } from '../lib/native/binding.ts'
import { OutOfMemoryError } from '../lib/native/errors.ts'
import type { Net } from '../lib/net/net.ts'
import { sgd } from '../lib/optim/optimizer.ts'
import { evaluate } from '../lib/training/evaluate/evaluate.ts'
import { Feed } from '../lib/training/input/feed.ts'
import { Trainer } from '../lib/training/step/trainer.ts'
import { train } from '../lib/training/train.ts'
import { failure } from './failure.ts'
import { smallNet, smallSet } from './small-net.ts'

const run = promisify(execFile)
const program = join(import.meta.dirname, 'memory-program.ts')

/** Runs test/memory-program.ts in a process of its own. */
function child(args: readonly string[]) {
  // V8's nursery grows by megabytes when it likes; held small, what grows is what is kept.
  const node = ['--expose-gc', '--max-semi-space-size=1', '--import', 'tsx', program, ...args]
  return run(process.execPath, node, { timeout: 300_000 })
}

const nothing = { live: 0, blocks: 0 }

/** A few steps, the last one smaller. */
async function steps(net: Net): Promise<void> {
  for await (const _ of train(net, smallSet(10), { epochs: 1, lr: 0.01 }));
}

t.test('a build that cannot allocate all of its memory frees what it has allocated', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  const allocate = device.allocate.bind(device)
  let count = 0
  device.allocate = (bytes) => {
    count++
    return allocate(bytes)
  }
  await (await smallNet().build(device, { batch: 4 })).close()
  t.ok(count > 5, `${count} allocations`)
  for (let last = 0; last < count; last++) {
    let left = last
    // As if another process took the rest.
    device.allocate = (bytes) => {
      if (left-- === 0) throw new Error(`no ${bytes} bytes`)
      return allocate(bytes)
    }
    await t.rejects(smallNet().build(device, { batch: 4 }), /no \d+ bytes/)
    const { live, blocks } = device.memory()
    t.strictSame({ live, blocks }, nothing, `after ${last}`)
  }
})

t.test('no byte is live after the last close', async (t) => {
  await using device = await open('cpu', { threads: 2 })
  const set = smallSet(10)
  const gone = (what: string) => {
    const { live, blocks } = device.memory()
    t.strictSame({ live, blocks }, { live: 0, blocks: 0 }, what)
  }
  const net = await smallNet().build(device, { batch: 4 })
  t.ok(device.memory().live > 0)
  await net.close()
  await net.close()
  gone('a net, closed twice')

  {
    await using net = await smallNet().build(device, { batch: 4 })
    for await (const _ of train(net, set, { epochs: 1, lr: 0.01 }));
    await evaluate(net, set, { batch: 3 })
    for await (const _ of train(net, set, { epochs: 1, lr: 0.01 })) break
  }
  gone('training with a smaller last batch, evaluation, a loop left early')

  {
    await using net = await smallNet().build(device, { batch: 4 })
    await Feed.create(net, set).then((feed) => {
      feed.close()
      feed.close()
    })
    const trainer = await Trainer.create(net, set, sgd())
    await trainer.step(Uint32Array.of(0, 1, 2, 3), { step: 0, seed: 1, lr: 0.01 })
    await net.close()
    await trainer.close()
  }
  gone('a net closed under its trainer, with a step under way')

  {
    await using net = await smallNet().build(device, { batch: 4 })
    let reads = 0
    const failing = {
      ...set,
      read(indices: Uint32Array, images: Uint8Array, labels: Int32Array) {
        if (++reads > 2) throw new Error('the disk is gone')
        set.read(indices, images, labels)
      }
    }
    const training = (async () => {
      for await (const _ of train(net, failing, { steps: 9, lr: 0.01 }));
    })()
    t.match(await failure(training), { message: 'the disk is gone' })
    t.match(await failure(evaluate(net, failing)), { message: 'the disk is gone' })
    t.match(await failure(Feed.create(net, { ...set, channels: 3 })), { message: /channels/ })
    const everywhere = new Error('mine')
    const loop = (async () => {
      for await (const _ of train(net, set, { steps: 9, lr: 0.01 })) throw everywhere
    })()
    t.equal(await failure(loop), everywhere)
  }
  gone('errors in the middle')

  await failure(smallNet().build(device, { batch: 2 ** 26 }))
  gone('a net too large')
})

t.test('memory that does not suffice is an OutOfMemoryError', async (t) => {
  await using device = await open('cpu')
  const refusals = {
    allocate: () => device.allocate(2 ** 50),
    staging: () => device.staging(2 ** 50),
    // Past the look at what is available: here the system refuses.
    native: () => native.openBuffer(device.id, 2 ** 50, false),
    build: () => smallNet().build(device, { batch: 2 ** 26 })
  }
  for (const [name, refused] of Object.entries(refusals)) {
    const error = await failure((async () => refused())())
    t.ok(error instanceof OutOfMemoryError, name)
    const message = { native: /^\[memory\] could not get \d+ bytes: /, build: /^\[net\] small / }
    t.match(error, {
      name: 'OutOfMemoryError',
      code: 'ALEXNODE_OUT_OF_MEMORY',
      message:
        Object.entries(message).find(([key]) => key === name)?.[1] ?? /^\[memory\] cpu cannot/
    })
  }
  const other = await failure((async () => device.allocate(0.5))())
  t.notOk(other instanceof OutOfMemoryError, 'no other refusal is')
  t.match(device.memory(), nothing)
})

t.test('closing a device closes what is on it', async (t) => {
  const device = await open('cpu')
  const net = await smallNet().build(device, { batch: 4 })
  const stream = device.stream()
  const buffer = device.allocate(1000)
  const event = device.event()
  await steps(net)
  await device.close()
  await device.close()
  t.throws(() => device.memory(), /cpu is closed/)
  t.throws(() => device.allocate(4), /cpu is closed/)
  t.throws(() => buffer.set(new Uint8Array(4)), /buffer\] is closed/)
  t.throws(() => stream.wait(event), /is closed/)
  await t.rejects(stream.synchronize(), /stream\] is closed/)
  for (const closing of [net, stream, buffer, event]) await closing.close()
})

t.test('closing in any order', async (t) => {
  await using device = await open('cpu')
  const a = await smallNet().build(device, { batch: 4 })
  const b = await smallNet().build(device, { batch: 4 })
  await Promise.all([steps(a), steps(b)])
  await Promise.all([a.close(), a.close(), b.close()])
  t.match(device.memory(), nothing)

  const shared = await smallNet().build(device, { batch: 4 })
  const other = await smallNet().build(device, {
    batch: 2,
    training: false,
    parameters: shared.parameters,
    stream: shared.stream
  })
  await other.close()
  t.ok(device.memory().live > 0, 'parameters that were handed in stay')
  await steps(shared)
  await shared.close()
  t.match(device.memory(), nothing)

  const net = await smallNet().build(device, { batch: 4 })
  const idle = train(net, smallSet(10), { steps: 100, lr: 0.01 })
  await idle.next()
  await net.close()
  t.match(device.memory(), nothing, 'a net closes a run that nobody ended')
  await t.rejects(idle.next())
  t.match(device.memory(), nothing)
})

t.test('a long run does not grow', async (t) => {
  const { stdout } = await child(['100', '500'])
  const grown = Number(/grown (-?\d+)/.exec(stdout)?.[1])
  t.ok(grown <= 8 * 2 ** 20, `from step 100 to step 500 by ${grown} bytes`)
})
