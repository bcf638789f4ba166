// One net over several devices of a double of CUDA: two GPUs, two devices on one, and both together.
import t from 'tap'
import { openDevices, sgd } from '../lib/index.ts'
import type { Parallel } from '../lib/net/index.ts'
import { chromeTrace, type Span } from '../lib/training/bench/index.ts'
import { distance, run } from './courses.ts'
import { needsDouble, useDouble } from './cuda-double.ts'
import { built, checkTrace, course, definition, off, sent, set } from './placed.ts'

const control = await useDouble(t, 'devices=2')
const cases: readonly { names: readonly string[]; parallel?: Parallel; steps?: number }[] = [
  { names: ['cuda:0', 'cuda:1'] },
  { names: ['cuda:0#0', 'cuda:0#1'] },
  { names: ['cuda:0', 'cuda:1'], parallel: 'data', steps: 5 },
  { names: ['cuda:0#0', 'cuda:0#1', 'cuda:1#0', 'cuda:1#1'], parallel: { replicas: 2 }, steps: 5 }
]

t.test('the numbers of one device', needsDouble, async (t) => {
  const [cpu, some] = [await course(['cpu']), await course(['cpu'], { steps: 5 })]
  for (const { names, steps = 20, parallel = 'model' } of cases) {
    const alone = steps === 20 ? cpu : some
    const { losses, start, weights } = await course(names, { steps, parallel })
    const what = `${names}, ${JSON.stringify(parallel)}`
    t.equal(losses.length, steps, what)
    t.equal(distance(start, alone.start), 0, 'they begin alike, bit for bit')
    t.ok(off(losses, alone.losses) < 1e-5, `losses ${off(losses, alone.losses)} off`)
    t.ok(distance(weights, alone.weights) < 1e-4, 'weights')
  }
  t.equal(control.counts().get('misuses') ?? 0, 0)
})

t.test('a run goes on on other devices', needsDouble, async (t) => {
  const whole = await course(['cpu'], { steps: 6 })
  const first = await course(['cuda:0', 'cuda:1'], { steps: 3 })
  const rest = await course(['cpu'], { steps: 6, from: first.saved })
  t.ok(off([...first.losses, ...rest.losses], whole.losses) < 1e-5)
})

t.test('a trace of a step', needsDouble, async (t) => {
  const names = ['cuda:0', 'cuda:1']
  let spans: readonly Span[] = []
  const onTimeline = (told: readonly Span[]) => {
    spans = told
  }
  await built(names, {}, (net) => run(net, set, { steps: 1, onTimeline }))
  const calls = checkTrace(t, chromeTrace(spans).traceEvents, names)
  t.equal(calls.filter(({ args }) => args.stream === 'exchange').length, sent(spans).length)
  t.equal(sent(spans).filter((text) => text.startsWith('backward')).length, 7)
})

t.test('what each device takes', needsDouble, async (t) => {
  const plan = async (names: readonly string[]) => {
    await using devices = await openDevices(names)
    const draft = await definition.draft(devices.all, { batch: 4, optimizer: sgd() })
    const { devices: each, pools, bytes } = draft.plan()
    await draft.close()
    t.equal(
      each.reduce((sum, device) => sum + device.bytes, 0),
      bytes
    )
    t.ok(each.every((device) => device.bytes > 0 && device.bytes < bytes))
    return pools.map(({ devices }) => devices.map(({ device }) => device))
  }
  t.strictSame(await plan(['cuda:0', 'cuda:1']), [['cuda:0'], ['cuda:1']])
  t.strictSame(await plan(['cuda:0#0', 'cuda:0#1']), [['cuda:0#0', 'cuda:0#1']])
  t.strictSame(await plan(['cuda', 'cuda:1#3', 'cuda:0#1']), [['cuda', 'cuda:0#1'], ['cuda:1#3']])
})
