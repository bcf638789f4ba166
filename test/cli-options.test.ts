// What a command line of training means.
import { join } from 'node:path'
import t from 'tap'
import { settleDevice } from '../lib/cli/device.ts'
import { trainArguments } from '../lib/cli/options.ts'
import { adam, sgd } from '../lib/optimizer.ts'
import { optimizerOf, settle } from '../lib/settings.ts'

async function settings(...args: string[]) {
  const { settings, defaults } = await trainArguments(args)
  return settle(settings, undefined, { ...defaults, dtype: 'f32' }, false)
}

const full = async () => ({ ...(await trainArguments([])).defaults, dtype: 'f32' as const })

t.test('Adam where nothing speaks for SGD', async (t) => {
  const adam = { optimizer: 'adam', lr: 0.0003, momentum: 0.8, weightDecay: 0 }
  t.match(await settings(), { ...adam, schedule: 'warmCosine' })
  t.match(await settings('--net', 'fashion', '--steps', '9'), { ...adam, schedule: 'constant' })
  const sgd = { optimizer: 'sgd', momentum: 0.9, weightDecay: 0.0005 }
  t.match(await settings('--net', 'alexnet'), { ...sgd, lr: 0.01 })
  t.match(await settings('--lr', '0.02'), { ...sgd, lr: 0.02 })
  t.match(await settings('--momentum', '0'), { ...sgd, momentum: 0, lr: 0.01 })
})

t.test('what to compute on', async (t) => {
  const options = { threads: 3, tf32: true, deterministic: true }
  t.same(await settleDevice({ device: 'cuda:1', ...options }), {
    ...{ name: 'cuda:1', reason: undefined, options }
  })
  const { device, settings } = await trainArguments(['--tf32', '--deterministic'])
  t.equal(device, 'auto')
  t.same(settings, { tf32: true, deterministic: true })
  await t.rejects(settleDevice({ device: 'cpu', tf32: true }), /--tf32 is for GPUs/)
  await t.rejects(settleDevice({ device: 'cuda', tf32: true, dtype: 'f16' }), /leave one out/)

  const folder = t.testdir({ 'options.json': '{ "tf32": true, "lr": 1 }' })
  const on = (device: string) => settleDevice({ device, threads: 1, resume: folder })
  t.match(await on('cuda'), { options: { tf32: true, deterministic: false } })
  t.match(await on('cpu'), { options: { tf32: false } }, 'which a CPU has not')
  t.match(await settleDevice({ device: 'cuda', resume: join(folder, 'none') }), {
    options: { tf32: false }
  })
  const kept = settle({ tf32: true }, { lr: 1 }, await full(), false)
  t.equal(kept.tf32, true)
  const changed = async () => settle({ tf32: true }, { lr: 1 }, await full(), true)
  await t.rejects(changed, /--tf32 was not given and is true/)
})

t.test('an optimizer that was asked for', async (t) => {
  const given = await settings('--net', 'alexnet', '--optimizer', 'adam', '--momentum', '0.7')
  t.match(given, { optimizer: 'adam', lr: 0.0003, weightDecay: 0 })
  const { op, hyper } = optimizerOf(given)
  t.equal(op, 'adam')
  t.strictSame(hyper({ lr: 1, decay: 0, step: 0 }).slice(0, 3), [1, 0.7, 0.98])
  const plain = optimizerOf(await settings('--optimizer', 'sgd', '--weight-decay', '0.1'))
  t.strictSame([plain.op, plain.weightDecay], ['sgd', 0.1])
  t.match(await settings('--optimizer', 'sgd'), { optimizer: 'sgd', lr: 0.01 })
  await t.rejects(
    trainArguments(['--lr', '0.1', '--beta2', '0.9']),
    /--beta2 is for --optimizer adam/
  )
  t.throws(() => optimizerOf({ ...given, beta2: 1 }), /beta2: expected .* below 1, got 1/)
  t.throws(() => optimizerOf({ ...given, momentum: Number.NaN }), /\[adam\] beta1 .* got NaN/)
  t.throws(() => optimizerOf({ ...given, weightDecay: -1 }), /weightDecay: expected .* got -1/)
  t.throws(() => sgd({ momentum: 1.5 }), /\[sgd\] momentum: expected a number from 0 to 1/)
  t.throws(() => adam({ epsilon: Infinity }), /epsilon: expected a number from 0, got Infinity/)
  await t.rejects(trainArguments(['--optimizer', 'lion']), /Allowed choices are sgd, adam/)
})
