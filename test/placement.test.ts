// One net over several devices: the numbers of one device, exchanged where layers see everything and nowhere else,
// beside what the devices compute.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { residualNet } from '../examples/custom-net.ts'
import type { Stream } from '../lib/engine/stream.ts'
import { chm145, openDevices } from '../lib/index.ts'
import type { BoundCall } from '../lib/net/graph/tape.ts'
import type { Parallel } from '../lib/net/index.ts'
import { type Action, insertEvents } from '../lib/net/placement/events.ts'
import { Placement, replicasOf } from '../lib/net/placement/placement.ts'
import { type ChromeTrace, type Span, writeTrace } from '../lib/training/bench/index.ts'
import { distance, run } from './courses.ts'
import { built, checkTrace, course, input, off, sent, set } from './placed.ts'

const alone = await course(['cpu'])

t.test('two devices give the numbers of one', async (t) => {
  const two = await course(['cpu:0', 'cpu:1'])
  t.equal(distance(two.start, alone.start), 0, 'they begin alike, bit for bit')
  t.ok(distance(alone.weights, alone.start) > 1e-2, 'and learn')
  t.ok(off(two.losses, alone.losses) < 1e-5, `losses ${off(two.losses, alone.losses)} off`)
  t.ok(distance(two.weights, alone.weights) < 1e-4, 'weights')
})

t.test('so do replicas, and replicas of slices', async (t) => {
  const four = ['cpu:0', 'cpu:1', 'cpu:2', 'cpu:3']
  const cases: readonly [readonly string[], Parallel][] = [
    [['cpu:0', 'cpu:1'], 'data'],
    [['cpu:0', 'cpu:1', 'cpu:2'], { replicas: 3 }],
    [four, { replicas: 2 }]
  ]
  for (const [names, parallel] of cases) {
    const { losses, start, weights } = await course(names, { parallel })
    const what = `${names.length} devices, ${JSON.stringify(parallel)}`
    t.equal(distance(start, alone.start), 0, what)
    t.ok(off(losses, alone.losses) < 1e-5, `losses ${off(losses, alone.losses)} off`)
    t.ok(distance(weights, alone.weights) < 1e-4, 'weights')
  }
})

t.test('a run goes on on other devices', async (t) => {
  for (const [before, after] of [
    [['cpu'], ['cpu:0', 'cpu:1']],
    [['cpu:0', 'cpu:1'], ['cpu']]
  ] as const) {
    const first = await course(before, { steps: 8 })
    const rest = await course(after, { steps: 20, from: first.saved })
    t.ok(off([...first.losses, ...rest.losses], alone.losses) < 1e-5, `${before} to ${after}`)
    t.ok(distance(rest.weights, alone.weights) < 1e-4)
  }
})

t.test('devices that cannot share a net', async (t) => {
  await using devices = await openDevices(['cpu:0', 'cpu:1', 'cpu:2'], { threads: 1 })
  const { all, first } = devices
  t.throws(() => new Placement([]), /\[placement\] expected one device or more, got none/)
  t.throws(() => new Placement([first, first]), /expected different devices, got one twice: cpu:0/)
  t.throws(() => new Placement(all, { replicas: 2 }), /divides 3 devices, got 2/)
  t.throws(() => new Placement(all, { replicas: 0 }), /divides 3 devices, got 0/)
  await using stream = first.stream()
  const taken =
    /stream: expected none for several devices \(cpu:0, cpu:1, cpu:2\), got one: leave it/
  t.throws(() => new Placement(all, 'model', stream), taken)
  const foreign = /stream: expected one of cpu:1, got one of cpu:0/
  t.throws(() => new Placement(all.slice(1, 2), 'model', stream), foreign)
  const mixed = [first, { name: 'cuda:0', kind: 'cuda' }] as const
  t.throws(() => replicasOf(mixed, 'model'), /expected CPUs or GPUs, got some of each: cpu:0, cuda/)
  await t.rejects(openDevices([]), /names: expected a list of 1 or more values/)
  await t.rejects(openDevices(['cpu', 'tpu']), /there is no device 'tpu'/)
})

t.test('batch norm over the whole batch is for one replica a process', async (t) => {
  await using devices = await openDevices(['cpu:0', 'cpu:1'], { threads: 1 })
  const shared = { batch: 4, syncBatchNorm: true }
  await t.rejects(
    residualNet.build(devices.all, { ...shared, parallel: 'data' }),
    /syncBatchNorm: expected one replica a process, got 2, .*start a process for each device/
  )
  // It changes nothing else here: not inference, nor slices, nor one device.
  for (const options of [{ training: false, parallel: 'data' }, { parallel: 'model' }] as const) {
    await using net = await residualNet.build(devices.all, { ...shared, ...options })
    t.ok(net.draft.calls.every(({ op }) => op.name !== 'all_reduce'))
  }
})

t.test('devices exchange where the paper has it, and nowhere else', async (t) => {
  let spans: readonly Span[] = []
  const onTimeline = (told: readonly Span[], step: number) => {
    t.equal(step, 3, 'of fewer steps than ten the last')
    spans = told
  }
  await built(['cpu:0', 'cpu:1'], {}, (net) => run(net, set, { steps: 3, onTimeline }))
  const both = (what: string) => [`${what}: cpu:0 cpu:1`, `${what}: cpu:1 cpu:0`]
  const expected = [
    // What conv3, fc6 and fc7 read; fc8 and the loss are on one device.
    ...['forward pool2', 'forward flatten1', 'forward drop6'].flatMap(both),
    'forward drop7: cpu:1 cpu:0',
    // Its gradient, by the same ways back.
    'backward drop7: cpu:0 cpu:1',
    ...['backward drop6', 'backward flatten1', 'backward pool2'].flatMap(both),
    // Whether all gradients were finite.
    ...both('update update')
  ]
  t.strictSame(sent(spans).sort(), expected.sort())
  for (const { pass, layer, bytes, stream } of spans.filter(({ to }) => to !== undefined)) {
    t.equal(stream, 'exchange')
    // Half of the 512 units of four images, in f32; and a flag.
    if (layer.startsWith('drop')) t.equal(bytes, (4 * 512 * 4) / 2, `${pass} ${layer}`)
    if (pass === 'update') t.equal(bytes, 4)
  }

  t.test('a trace shows it', async (t) => {
    const file = join(t.testdir(), 'trace.json')
    await writeTrace(file, spans)
    const { traceEvents }: ChromeTrace = JSON.parse(readFileSync(file, 'utf8'))
    const calls = checkTrace(t, traceEvents, ['cpu:0', 'cpu:1'])
    t.equal(calls.length, spans.length)
    // Clocks of CPUs are one: a copy comes after what made its source, and before what reads it.
    const slack = 0.01
    for (const copy of calls.filter(({ args }) => args.to && args.layer === 'pool2')) {
      const like = calls.filter(
        ({ cat, args }) => cat === copy.args.pass && args.layer === copy.args.layer
      )
      const on = (device: string | undefined, op: string) =>
        like.filter(({ args }) => args.device === device && args.op === op)
      const { pass, device, to } = copy.args
      const made = on(device, pass === 'forward' ? 'max_pool' : 'copy_channels')[0]
      const read = on(to, pass === 'forward' ? 'copy_channels' : 'add').at(-1)
      t.ok(made && made.ts + made.dur <= copy.ts + slack, `${pass} ${device}: made`)
      t.ok(read && copy.ts + copy.dur <= read.ts + slack, `${pass} ${device}: read`)
    }
  })
})

t.test('the net of the original code exchanges the same', async (t) => {
  await using devices = await openDevices(['cpu:0', 'cpu:1'], { threads: 1 })
  const draft = await chm145({ classes: 10, width: 1 / 8, input }).draft(devices.all, { batch: 4 })
  const copied = draft.calls.filter(({ op }) => op.name === 'copy')
  const where = ['pool2', 'flatten1', 'drop6', 'drop7']
  t.strictSame(
    [...new Set(copied.map(({ pass, layer }) => `${pass} ${layer}`))],
    [
      ...where.map((layer) => `forward ${layer}`),
      ...where.reverse().map((layer) => `backward ${layer}`),
      'update update'
    ]
  )
  await draft.close()
})

t.test('what is sent back goes beside what is computed', async (t) => {
  await built(['cpu:0', 'cpu:1'], {}, async ({ calls, placement }) => {
    const computing = placement.parts.map(({ stream }) => stream)
    const all = [...calls.forward, ...calls.backward]
    const { links } = placement
    const actions = insertEvents(all, computing, links)
    const waits = actions.flatMap((action) => ('wait' in action ? [action] : []))
    const between = waits.filter(
      ({ stream, other }) => links.includes(stream) && links.includes(other)
    )
    t.strictSame(between, [], 'one way does not wait for the other')
    const beside = besides(actions)
    const readers = new Map(
      Object.entries({ pool2: 'conv3', flatten1: 'fc6', drop6: 'fc7', drop7: 'fc8' })
    )
    const sends = all.filter(({ call: { op, pass } }) => op.name === 'copy' && pass === 'backward')
    t.equal(sends.length, 7)
    for (const bound of sends) {
      const { layer, stream } = bound.call
      const weights = beside(bound).filter(
        ({ call }) =>
          call.layer === readers.get(layer) &&
          call.stream.device === stream.device &&
          /_backward_weights$/.test(call.op.name)
      )
      t.equal(weights.length, 1, `${layer} from ${stream.device.name}`)
    }
  })
})

/** For each call those of the streams that compute which come neither before nor after it. */
function besides(actions: readonly Action[]): (call: BoundCall) => readonly BoundCall[] {
  const next = actions.map((): number[] => [])
  const last = new Map<Stream, number>()
  const recorded = new Map<number, number>()
  for (const [i, action] of actions.entries()) {
    const stream = 'run' in action ? action.run.call.stream : action.stream
    const before = [last.get(stream)]
    if ('record' in action) recorded.set(action.record, i)
    if ('wait' in action) before.push(recorded.get(action.wait))
    for (const k of before) if (k !== undefined) next[k]?.push(i)
    last.set(stream, i)
  }
  const reach = (from: number): Set<number> => {
    const seen = new Set<number>()
    for (const open = [from]; open.length > 0; ) {
      for (const i of next[open.pop() ?? -1] ?? []) {
        if (seen.has(i)) continue
        seen.add(i)
        open.push(i)
      }
    }
    return seen
  }
  return (call) => {
    const own = actions.findIndex((action) => 'run' in action && action.run === call)
    const after = reach(own)
    return actions.flatMap((action, i) => {
      if (!('run' in action) || i === own || after.has(i) || reach(i).has(own)) return []
      return [action.run]
    })
  }
}
