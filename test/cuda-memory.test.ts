// Memory of GPUs, on the double: what is taken is given back, in any order and at any time; there is a clear
// word where there is not enough; and steps that are replayed take nothing.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { open, train } from '../lib/index.ts'
import { OutOfMemoryError } from '../lib/native/errors.ts'
import { evaluate } from '../lib/training/evaluate/evaluate.ts'
import { needsDouble, useDouble } from './cuda-double.ts'
import { failure } from './failure.ts'
import { Control } from './fake-cuda/control.ts'
import { runProgram } from './programs.ts'
import { smallNet, smallSet } from './small-net.ts'

const control = await useDouble(t, 'devices=2,memory=24M')
const message = async (promise: Promise<unknown>) => String(await failure(promise))

t.test('more than there is', needsDouble, async (t) => {
  const device = await open('cuda')
  const refusal = await message(smallNet().build(device, { batch: 400 }))
  t.match(refusal, /\[net\] small with batch 400 needs \d+ MiB on cuda, and \d+ MiB are available/)
  t.match(refusal, /activations \d+ MiB/)
  const fits = Number(/A batch of (\d+) would fit/.exec(refusal)?.[1])
  t.ok(fits > 4 && fits < 400, refusal)
  await (await smallNet().build(device, { batch: fits })).close()
  t.throws(
    () => device.allocate(65 * 2 ** 20),
    /\[memory\] cuda:0 \(Fake GPU\) cannot give 68157440 bytes: .*Use a smaller batch/
  )
  t.match(device.memory(), { live: 0, blocks: 0 })
  for (let i = 0; i < 20; i++) device.allocate(16 * 2 ** 20).close()
  await using net = await smallNet().build(device, { batch: 4 })
  for await (const { loss } of train(net, smallSet(8), { lr: 0.01 })) t.ok(Number.isFinite(loss))
  await device.close()
  t.strictSame(control.left(), {}, 'it goes on, and all is given back')
})

t.test('memory that does not suffice is an OutOfMemoryError', needsDouble, async (t) => {
  const outOfMemory = 2
  const device = await open('cuda')
  const stream = device.stream()
  const tensor = device.allocate(2 ** 20).tensor({ shape: [2 ** 18], dtype: 'f32' })
  const op = await stream.prepare('relu', {}, { y: tensor, x: tensor })
  const expect = async (what: string, refused: () => unknown, message: RegExp) => {
    const error = await failure((async () => refused())())
    t.ok(error instanceof OutOfMemoryError, what)
    t.match(error, { code: 'ALEXNODE_OUT_OF_MEMORY', message }, what)
  }
  await expect('allocate', () => device.allocate(2 ** 26), /^\[memory\] cuda:0 .* cannot give/)
  control.fail('cuMemHostAlloc', 1, outOfMemory)
  await expect('staging', () => device.staging(2 ** 22), /^\[cuda\] cuMemHostAlloc failed with 2/)
  control.fail('cuMemHostAlloc', 1, outOfMemory)
  await expect('a promise', () => stream.read(tensor), /^\[cuda\] cuMemHostAlloc failed with 2/)
  control.fail('cuLaunchKernel', 1, outOfMemory)
  stream.run(op, { y: tensor, x: tensor })
  await expect('work without one', () => stream.synchronize(), /^\[cuda\] cuLaunchKernel failed/)
  const other = await failure(open('cuda:7'))
  t.ok(other instanceof Error && !(other instanceof OutOfMemoryError), 'no other failure is')
  control.clear()
  await expect('build', () => smallNet().build(device, { batch: 400 }), /^\[net\] .* would fit/)
  // The plan fits. Then another process takes the memory: also trials of algorithms find none, and go without.
  for (let nth = 1; nth <= 200; nth++) control.fail('cuMemAllocFromPoolAsync', nth, outOfMemory)
  await expect(
    'after the plan',
    () => smallNet().build(device, { batch: 4 }),
    /^\[net\].*\[memory\]/s
  )
  control.clear()
  await device.close()
  t.strictSame(control.left(), {})
})

t.test('closing in odd orders, and in the middle', needsDouble, async (t) => {
  const device = await open('cuda:0')
  const virtual = await open('cuda:0#1')
  const net = await smallNet().build(device, { batch: 4 })
  const running = train(net, smallSet(40), { steps: 30, lr: 0.01 })
  await running.next()
  const stream = virtual.stream()
  const tensor = virtual.allocate(4e5).tensor({ shape: [1e5], dtype: 'f32' })
  stream.write(tensor, new Float32Array(1e5))
  const event = virtual.event()
  stream.record(event)
  net.stream.wait(event)
  const read = stream.read(tensor)
  await evaluate(net, smallSet(4))
  await Promise.all([virtual.close(), device.close(), read.catch(() => {})])
  await t.rejects(running.next())
  t.strictSame(control.left(), {})
})

t.test('a device closes behind work that nobody waits for', needsDouble, async (t) => {
  for (let round = 0; round < 8; round++) {
    const device = await open('cuda:1')
    const stream = device.stream()
    const [x, y] = [0, 0].map(() => device.allocate(4e5).tensor({ shape: [1e5], dtype: 'f32' }))
    if (!x || !y) throw new Error('no tensors')
    const op = await stream.prepare('relu', {}, { y, x })
    for (let i = 0; i < 50; i++) stream.run(op, { y, x })
    for (const { buffer } of [x, y]) buffer.close()
    op.close()
    // Closed before its turn, or just after it.
    const late = stream.synchronize().then(() => 'done', String)
    const closing = stream.close()
    await device.close()
    t.strictSame(control.left(), {})
    t.match(await late, /\[stream\] was closed|^done$/)
    await closing
  }
})

t.test('200 replayed steps take nothing', needsDouble, async (t) => {
  const device = await open('cuda')
  const net = await smallNet().build(device, { batch: 4 })
  const taking =
    /^cu(Mem(Alloc|HostAlloc|Pool)|EventCreate|StreamCreate|Module|Graph(Inst|.*Destroy))/
  let before = control.calls()
  let heap = 0
  let spun: number | undefined
  for await (const { step } of train(net, smallSet(32), { steps: 220, lr: 0.001 })) {
    if (step !== 20 && step !== 219) continue
    globalThis.gc?.()
    const now = control.calls()
    if (step === 219) {
      const more = [...now].filter(([name, n]) => taking.test(name) && n !== before.get(name))
      t.strictSame(more, [])
      const launches = (now.get('cuGraphLaunch') ?? 0) - (before.get('cuGraphLaunch') ?? 0)
      // Of the steps under way at either look some may be counted.
      t.ok(launches >= 2 * 195, `${launches} launches`)
      t.equal(now.get('cuLaunchKernel'), before.get('cuLaunchKernel'), 'by graphs alone')
      const slept = (now.get('cuEventSynchronize') ?? 0) - (before.get('cuEventSynchronize') ?? 0)
      t.ok(slept >= 195, `${slept} waits`)
      t.equal(control.counts().get('waits that spin'), spun, 'none of which spins')
      const grown = process.memoryUsage.rss() - heap
      t.ok(grown < 48 * 2 ** 20, `${grown} bytes grown`)
    }
    spun = control.counts().get('waits that spin')
    before = now
    heap = process.memoryUsage.rss()
  }
  await device.close()
  t.strictSame(control.left(), {})
})

t.test('processes and workers that end in the middle', needsDouble, async (t) => {
  const folder = t.testdir()
  const play = async (mode: string) => {
    const own = new Control(join(folder, mode))
    const env = { ALEXNODE_FAKE_CUDA_CONTROL: own.path, ALEXNODE_FAKE_CUDA: '' }
    const late = sleep(200_000, undefined, { ref: false }).then(() => undefined)
    const ended = await Promise.race([runProgram('test/cuda-program.ts', [mode], env), late])
    const left = own.left()
    own.close()
    return { ...ended, left }
  }
  const none = { signal: null, left: {} }
  t.match(await play('exit'), { code: 7, ...none })
  t.match(await play('unclosed'), { code: 0, out: 'left\n', ...none })
  const { out, ...rest } = await play('terminate')
  t.match(rest, { code: 0, ...none })
  t.equal(out, 'ended 1\nended 1\nended 1\ntrained 3\n')
})
