// Eight GPUs, on the double, and what they refuse: each in the words of its error, and then all goes on.
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import { record } from '../lib/engine/program.ts'
import { needsDouble, useDouble } from './cuda-double.ts'

const control = await useDouble(t, 'devices=8')
const like = { shape: [8], dtype: 'f32' } as const

t.test('numbers go around eight GPUs', needsDouble, async (t) => {
  const devices = await Promise.all(Array.from({ length: 8 }, (_, i) => open(`cuda:${i}`)))
  const own = await Promise.all(
    devices.map(async (device) => {
      const [x, y] = [device.allocate(32).tensor(like), device.allocate(32).tensor(like)]
      const stream = device.stream()
      const double = await stream.prepare('scale', { factor: 2 }, { y, x })
      return { stream, x, y, double, done: device.event() }
    })
  )
  let before: (typeof own)[number] | undefined
  for (const here of own) {
    const { stream, x, y, double, done } = here
    if (before) {
      stream.wait(before.done)
      stream.copy(x, before.y)
    } else stream.write(x, new Float32Array(8).fill(1))
    stream.run(double, { y, x })
    stream.record(done)
    before = here
  }
  if (before) t.same(await before.stream.read(before.y), new Float32Array(8).fill(256))
  await t.rejects(open('cuda:8'), /there is no cuda:8: this machine has 8 GPUs/)
  for (const device of devices) await device.close()
  t.strictSame(control.left(), {})
})

t.test('copies and reads', needsDouble, async (t) => {
  await using one = await open('cuda:0')
  await using two = await open('cuda:1')
  await using cpu = await open('cpu')
  const stream = one.stream()
  const [near, far] = [one, two].map((device) => device.allocate(32).tensor(like))
  const [staged, other] = [0, 0].map(() => one.staging(32).tensor(like))
  const host = cpu.allocate(32).tensor(like)
  if (!near || !far || !staged || !other) throw new Error('no tensors')
  t.throws(() => stream.copy(staged, other), /\[copy\] .* got staging buffers on both/)
  t.throws(() => stream.copy(far, staged), /\[copy\] a staging buffer is copied to or from another/)
  t.throws(() => stream.copy(staged, far), /\[copy\] a staging buffer is copied to or from another/)
  t.throws(() => stream.copy(near, host), /\[copy\] a buffer lies on another device/)
  await t.rejects(stream.read(staged), /\[read\] a staging buffer is the host's own/)
  await t.rejects(stream.read(far), /\[read\] the buffer lies on another device than the stream/)
  await t.rejects(stream.read(host), /\[read\] the buffer lies on another device than the stream/)
  t.throws(() => near.buffer.set(new Uint8Array(4)), /lies in the memory of a GPU/)
  stream.write(near, new Float32Array(8).fill(3))
  stream.copy(far, near)
  await stream.synchronize()
  t.same(await two.stream().read(far), new Float32Array(8).fill(3))
})

t.test('events and programs', needsDouble, async (t) => {
  await using one = await open('cuda:0')
  await using two = await open('cuda:1')
  await using cpu = await open('cpu')
  const [a, b, there] = [one.stream(), one.stream(), two.stream()]
  const foreign = cpu.event()
  const wrong = /\[event\] was made on a CPU: make it with a device of this stream's kind/
  t.throws(() => a.record(foreign), wrong)
  t.throws(() => a.wait(foreign), wrong)
  t.throws(
    () => record([a, cpu.stream()], () => {}),
    /\[record\] expected streams of CPUs or of GPUs/
  )
  const outside = one.event()
  b.record(outside)
  t.throws(
    () => record([a], () => a.wait(outside)),
    /\[stream\] cannot wait, while recording, for an event that was not recorded in the same program/
  )
  t.throws(
    () => record([a], () => record([b], () => {})),
    /\[record\] a program is being recorded on this device already/
  )
  t.throws(
    () => record([a], () => record([there, a], () => {})),
    /\[record\] a program is being recorded on this stream already/
  )
  using both = record([a, there], () => {})
  await t.rejects(both.profile(), /\[program\] can be profiled on one GPU alone/)
  await both.run()
})

t.test('ops', needsDouble, async (t) => {
  await using device = await open('cuda', { deterministic: true })
  const stream = device.stream()
  const rng = { shape: [4], dtype: 'u32' } as const
  const blocked = { shape: [1, 8, 2, 2], dtype: 'f32', layout: 'aBcd8b' } as const
  await t.rejects(
    stream.prepare('fill_uniform', {}, { y: blocked, rng }),
    /\[fill_uniform\] y: expected a row-major layout, got 'aBcd8b'; fill first and reorder then/
  )
  // Of the double's algorithms for the filter's gradient the third alone is deterministic.
  for (let nth = 1; nth <= 2; nth++) {
    control.fail('cudnnGetConvolutionBackwardFilterWorkspaceSize', nth, 3000)
  }
  const of = (...shape: number[]) => ({ shape, dtype: 'f32' }) as const
  const slots = { dw: of(4, 4, 3, 3), x: of(1, 4, 5, 5), dy: of(1, 4, 3, 3) }
  const gradient = () => stream.prepare('conv2d_backward_weights', {}, slots)
  await t.rejects(
    gradient(),
    /\[cuda\] cuDNN has no deterministic algorithm for this convolution \(backward filter, f32\)/
  )
  control.clear()
  t.match(await gradient(), { implementation: 'cudnn backward filter 1' })
})

t.test('a GPU that NVRTC does not know', needsDouble, async (t) => {
  control.set('no_fatbin', 1)
  control.set('compute', 110)
  await t.rejects(
    open('cuda'),
    /this NVRTC knows no architecture for Fake GPU \(.* 11\.0\): install a/
  )
  control.set('compute', 90)
  await (await open('cuda')).close()
})

t.test('all was given back', needsDouble, async (t) => {
  t.strictSame(control.left(), {})
})
