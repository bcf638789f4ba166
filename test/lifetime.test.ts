// Ends and misuse: whatever is closed, left, terminated or used again, there is a clear error, no crash,
// no hang, and no byte left.
import t from 'tap'
import { record, type Stream, type Tensor } from '../lib/engine/index.ts'
import {
  conv2d,
  type Device,
  defineNet,
  dense,
  flatten,
  open,
  relu,
  shapes,
  train
} from '../lib/index.ts'
import { native } from '../lib/native/binding.ts'
import { failure } from './failure.ts'
import { runProgram } from './programs.ts'

const program = 'test/lifetime-program.ts'
const message = async (promise: Promise<unknown>) => String(await failure(promise))

/** A stream with `runs` products of two matrices queued, each of about 10 ms, and what they use. */
async function busy(device: Device, stream: Stream, runs: number) {
  const spec = { shape: [512, 512], dtype: 'f32', layout: 'ab' } as const
  const op = await stream.prepare('gemm', {}, { c: spec, a: spec, b: spec })
  const matrix = () => device.allocate(4 * 512 * 512).tensor(spec)
  const [a, b, c] = [matrix(), matrix(), matrix()]
  const scratch = device.allocate(op.scratch + 64).tensor({ shape: [op.scratch + 64], dtype: 'u8' })
  const run = (on = stream) => on.run(op, { c, a, b }, scratch)
  for (let i = 0; i < runs; i++) run()
  return { run, op, a, b, c }
}

const four = (device: Device): Tensor =>
  device.allocate(16).tensor({ shape: [4], dtype: 'f32', layout: 'a' })

const tiny = () =>
  defineNet({
    name: 'tiny',
    input: { channels: 1, height: 16, width: 16 },
    layers: [
      conv2d({ filters: 4, size: 3, padding: 'same' }),
      relu(),
      flatten(),
      dense({ units: 10 })
    ]
  })

t.test('process.exit with work queued ends at once, with its code', async (t) => {
  const { code, signal, err } = await runProgram(program, ['exit'])
  t.same({ code, signal, err }, { code: 7, signal: null, err: '' })
})

t.test('a process that closes nothing ends by itself', async (t) => {
  const { code, signal, out } = await runProgram(program, ['unclosed'])
  t.same({ code, signal, out }, { code: 0, signal: null, out: 'left\n' })
})

t.test('an error that nobody catches ends the process, with work queued', async (t) => {
  const { code, signal, err } = await runProgram(program, ['throws'])
  t.same({ code, signal }, { code: 1, signal: null })
  t.match(err, /thrown on purpose/)
})

t.test('process.exit while two streams wait for one another', async (t) => {
  const { code, signal } = await runProgram(program, ['events'])
  t.same({ code, signal }, { code: 7, signal: null })
})

t.test('a worker trains as the main thread does', async (t) => {
  const { out, err, code } = await runProgram(program, ['worker'])
  t.equal(code, 0, err)
  const told = JSON.parse(out)
  t.equal(told.code, 0)
  t.equal(told.here.length, 4)
  t.same(told.there, told.here)
})

t.test('workers are terminated in the middle of a step', async (t) => {
  const { out, err, code, signal } = await runProgram(program, ['terminate'])
  t.same({ code, signal }, { code: 0, signal: null }, err)
  t.match(out, /^(ended 1\n){3}(loss [\d.]+\n){2}$/)
})

t.test('a device closes with work queued', async (t) => {
  const device = await open('cpu', { threads: 1 })
  const stream = device.stream()
  t.equal(device.memory().live, 0)
  const { run, c } = await busy(device, stream, 0)
  run()
  const running = stream.synchronize()
  const queued: Promise<unknown>[] = []
  for (let i = 0; i < 20; i++) {
    run()
    queued.push(stream.read(c))
  }
  const ended = Promise.allSettled([running, ...queued])
  t.ok(device.memory().live > 3 * 2 ** 20)
  const start = performance.now()
  await Promise.all([device.close(), device.close()])
  const results = await ended
  t.ok(performance.now() - start < 2000, 'what is queued is not waited for')
  const last = results.at(-1)
  t.match(last?.status === 'rejected' && String(last.reason), /\[stream\] was closed before this/)
  t.ok(device.closed)
  t.throws(() => device.memory(), /\[device\] cpu is closed: open it again/)
  await device.close()
})

t.test('memory is back when its last holder lets go', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  const stream = device.stream()
  const buffers = await busy(device, stream, 4)
  const full = device.memory().live
  for (const { buffer } of [buffers.a, buffers.b, buffers.c]) buffer.close()
  await stream.synchronize()
  const left = device.memory().live
  t.equal(left, full - 3 * 2 ** 20, 'queued work kept its memory, and gave it back')
  const net = await tiny().build(device, { batch: 8 })
  const before = device.memory().live
  for (let i = 0; i < 3; i++) {
    const data = shapes({ size: 16, train: 32, test: 8 })
    for await (const step of train(net, data.train, { steps: 9, lr: 0.01 })) {
      if (step.step === 3) break
    }
    t.equal(device.memory().live, before, 'a run that is left gives back what it took')
  }
  await net.close()
  t.equal(device.memory().live, left)
})

t.test('a device closes under a net that is being trained', async (t) => {
  const device = await open('cpu', { threads: 1 })
  const net = await tiny().build(device, { batch: 8 })
  const data = shapes({ size: 16, train: 32, test: 8 })
  const error = await message(
    (async () => {
      for await (const step of train(net, data.train, { steps: 50, lr: 0.01 })) {
        if (step.step === 2) await device.close()
      }
    })()
  )
  t.match(error, /closed/)
  await net.close()
  t.ok(net.closed)
})

t.test('what is closed says so when it is used', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  const stream = device.stream()
  const tensor = four(device)
  const op = await stream.prepare('relu', {}, { y: tensor, x: tensor })
  const done = record([stream], () => stream.run(op, { y: tensor, x: tensor }))
  const event = device.event()

  t.throws(() => tensor.buffer.close(), /\[buffer\] 1 live program uses it: close that first/)
  t.notOk(tensor.buffer.closed)
  done.close()
  done.close()
  t.match(await message(done.run()), /\[program\] is closed/)
  tensor.buffer.close()
  tensor.buffer.close()
  t.throws(() => stream.write(tensor, new Float32Array(4)), /\[buffer\] is closed/)
  t.throws(() => stream.run(op, { y: tensor, x: tensor }), /\[buffer\] is closed/)
  t.match(await message(stream.read(tensor)), /\[buffer\] is closed/)
  event.close()
  t.throws(() => stream.record(event), /\[event\] is closed/)
  const other = four(device)
  op.close()
  t.throws(() => stream.run(op, { y: other, x: other }), /\[relu\] is closed/)
  await stream.close()
  await stream.close()
  t.throws(() => stream.write(other, new Float32Array(4)), /\[stream\] is closed/)
  t.match(await message(stream.synchronize()), /\[stream\] is closed/)
  t.match(await message(stream.prepare('relu', {}, { y: other, x: other })), /\[stream\] is closed/)

  const net = await tiny().build(device, { batch: 2 })
  await net.close()
  await net.close()
  t.throws(() => net.forward(), /\[net\] tiny is closed: build it again/)
  t.throws(() => net.at({ batch: 3 }), /\[net\] tiny is closed/)
  const data = shapes({ size: 16, train: 8, test: 8 })
  t.match(await message(train(net, data.train, { lr: 1 }).next()), /\[net\] tiny is closed/)
})

t.test('numbers that name nothing, or something of another kind, are errors', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  const id = native.openBuffer(device.id, 16, false)
  native.closeBuffer(id)
  for (const stale of [id, 0, -1, 1e15, Number.NaN, 0.5]) {
    t.throws(() => native.closeBuffer(stale), /\[buffer\]/, `${stale}`)
  }
  const next = native.openBuffer(device.id, 16, false)
  t.ok(next > id, 'numbers are not used twice')
  native.closeBuffer(next)
  t.throws(() => native.run(99999, 1, new Float64Array(2)), /\[stream\] is closed/)
  t.throws(() => native.closeProgram(99999), /\[program\] is closed/)
})

t.test('tensors of two devices meet in copies alone', async (t) => {
  await using one = await open('cpu:0', { threads: 1 })
  await using two = await open('cpu:1', { threads: 1 })
  const stream = one.stream()
  const [here, there] = [four(one), four(two)]
  const op = await stream.prepare('relu', {}, { y: here, x: here })
  t.throws(() => stream.run(op, { y: here, x: there }), /\[relu\] x lies on another device/)
  stream.write(here, Float32Array.of(1, 2, 3, 4))
  stream.copy(there, here)
  await stream.synchronize()
  t.same([...(await two.stream().read(there))], [1, 2, 3, 4])
  t.match(await message(stream.read(there)), /\[read\] the buffer lies on another device/)
  using program = record([stream, two.stream()], () => stream.run(op, { y: here, x: here }))
  await program.run()
})

t.test('record() refuses what cannot be recorded, and the stream goes on', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  const stream = device.stream()
  const [x, y] = [four(device), four(device)]
  const op = await stream.prepare('relu', {}, { y, x })
  const run = () => stream.run(op, { y, x })
  using other = record([stream], run)
  const event = device.event()

  const inside: Promise<string>[] = []
  t.throws(
    () =>
      record([stream], () => {
        inside.push(message(stream.read(x)))
        inside.push(message(stream.synchronize()))
        inside.push(message(stream.prepare('relu', {}, { y, x })))
        inside.push(message(stream.close()))
        inside.push(message(other.run()))
        t.throws(() => device.allocate(4), /\[record\] cannot allocate while a program is recorded/)
        t.throws(() => stream.wait(event), /was not recorded in the same program/)
        t.throws(() => record([stream], run), /being recorded on this device already/)
        throw new Error('thrown on purpose')
      }),
    /thrown on purpose/
  )
  const told = await Promise.all(inside)
  t.match(told[0], /\[record\] cannot read while a program is recorded/)
  t.match(told[1], /\[record\] cannot synchronize while/)
  t.match(told[2], /\[relu\] was not prepared before record\(\)/)
  t.match(told[3], /\[record\] cannot close/)
  t.match(told[4], /\[record\] cannot run a program while/)
  t.throws(() => record([], run), /streams: expected a list of 1 or more values/)
  t.throws(() => record([stream], async () => run()), /does not wait/)

  stream.write(x, Float32Array.of(-1, 2, -3, 4))
  run()
  t.same([...(await stream.read(y))], [0, 2, 0, 4])
  stream.write(x, Float32Array.of(5, -6, 7, -8))
  await other.run()
  t.same([...(await stream.read(y))], [5, 0, 7, 0])
  const unused = device.allocate(16)
  unused.close()
})

t.test('events order two streams', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  const [slow, quick] = [device.stream(), device.stream()]
  const { run } = await busy(device, slow, 0)
  const [x, y, z] = [four(device), four(device), four(device)]
  const [there, back] = [device.event(), device.event()]
  /** x → y on the slow stream after long work, y → z on the quick one. */
  const both = () => {
    for (let i = 0; i < 3; i++) run()
    slow.copy(y, x)
    slow.record(there)
    quick.wait(there)
    quick.copy(z, y)
    quick.record(back)
    slow.wait(back)
  }
  await t.test('eager', async (t) => {
    for (const value of [1, 2, 3]) {
      slow.write(x, new Float32Array(4).fill(value))
      both()
      t.same([...(await quick.read(z))], [value, value, value, value])
    }
  })
  await t.test('in one program', async (t) => {
    using done = record([slow, quick], both)
    for (const value of [4, 5, 6]) {
      slow.write(x, new Float32Array(4).fill(value))
      await done.run()
      t.same([...(await quick.read(z))], [value, value, value, value])
    }
    const times = await done.profile()
    t.equal(times.length, 9, 'a time for each command')
    t.ok(times.every((ms) => ms >= 0) && (times[0] ?? 0) > 0.1)
    // One stream goes in the middle: the other does not wait for it for ever.
    const runs = [0, 1, 2, 3].map(() => done.run())
    const results = Promise.allSettled(runs)
    await slow.close()
    const states = (await results).map(({ status }) => status)
    t.equal(states.at(-1), 'rejected')
    t.match(await message(done.run()), /\[program\] a stream that it was recorded on is closed/)
    await quick.synchronize()
    quick.write(z, new Float32Array(4))
    t.same([...(await quick.read(z))], [0, 0, 0, 0], 'the other stream goes on')
  })
})
