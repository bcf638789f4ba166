// What a command line of training means.
import { join } from 'node:path'
import t from 'tap'
import { settleDevice } from '../lib/cli/shared/device.ts'
import { trainArguments } from '../lib/cli/train/arguments.ts'
import { netNames } from '../lib/net/models/index.ts'
import { adam, sgd } from '../lib/optim/optimizer.ts'
import { optimizerOf, resolveSettings } from '../lib/run/settings.ts'

async function settings(...args: string[]) {
  const { settings, defaults } = await trainArguments(args)
  return resolveSettings(settings, undefined, { ...defaults, dtype: 'f32' }, false)
}

const full = async () => ({ ...(await trainArguments([])).defaults, dtype: 'f32' as const })

t.test('Adam where nothing speaks for SGD', async (t) => {
  const adam = { optimizer: 'adam', lr: 0.0003, momentum: 0.8, beta2: 0.98, weightDecay: 0 }
  t.match(await settings(), { ...adam, schedule: 'warmCosine' })
  t.match(await settings('--net', 'fashion', '--steps', '9'), { ...adam, schedule: 'warmConstant' })
  const sgd = { optimizer: 'sgd', momentum: 0.9, weightDecay: 0.0005 }
  t.match(await settings('--lr', '0.02'), { ...sgd, lr: 0.02, schedule: 'warmCosine' })
  t.match(await settings('--lr', '0.02', '--epochs', '9'), { lr: 0.02, schedule: 'constant' })
  t.match(await settings('--momentum', '0'), { ...sgd, momentum: 0, lr: 0.01 })
})

t.test('rates by net and batch', async (t) => {
  const rate = async (...args: string[]) => (await settings('--net', ...args)).lr
  t.equal(await rate('alexnet', '--batch', '32'), 0.02)
  t.equal(await rate('alexnet', '--batch', '8'), 0.01)
  t.equal(await rate('torchvision', '--batch', '128'), 0.03)
  t.equal(await rate('cifar', '--batch', '8'), 0.0003)
  t.equal(await rate('fashion', '--batch', '16'), 0.0003)
  t.match(await settings('--net', 'fashion', '--batch', '8'), { optimizer: 'sgd', lr: 0.01 })
  const normed = ['cifar', 'fashion', 'keras-fashion']
  for (const net of netNames) {
    const own = { optimizer: 'adam', start: 'published', clipNorm: undefined }
    const even = { optimizer: 'sgd', start: 'even', clipNorm: 1 }
    t.match(await settings('--net', net), normed.includes(net) ? own : even, net)
  }
  t.match(await settings('--net', 'alexnet', '--start', 'published'), { start: 'published' })
})

t.test('a recipe trains as its source', async (t) => {
  const published = await settings('--recipe', 'paper')
  t.match(published, { optimizer: 'sgd', lr: 0.01, momentum: 0.9, weightDecay: 0.0005 })
  t.match(published, { start: undefined, clipNorm: undefined })
})

t.test('--lr auto is the default until it is found', async (t) => {
  const auto = await settings('--net', 'alexnet', '--lr', 'auto')
  t.match(auto, { lrAuto: true, optimizer: 'sgd', lr: 0.014 })
  await t.rejects(trainArguments(['--lr', 'often']), /Expected a number from 0/)
})

t.test('what to compute on', async (t) => {
  const options = { threads: 3, tf32: true, deterministic: true }
  t.same(await settleDevice({ device: 'cuda:1', ...options }), {
    name: 'cuda:1',
    names: ['cuda:1'],
    parallel: { replicas: 1 },
    reason: undefined,
    options
  })
  const { where, settings } = await trainArguments(['--tf32', '--deterministic'])
  t.same(where, {})
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
  const kept = resolveSettings({ tf32: true }, { lr: 1 }, await full(), false)
  t.equal(kept.tf32, true)
  const changed = async () => resolveSettings({ tf32: true }, { lr: 1 }, await full(), true)
  await t.rejects(changed, /--tf32 was not given and is true/)
})

t.test('several devices', async (t) => {
  const { where, settings } = await trainArguments([
    ...['--devices', 'cpu:0,cpu:1,cpu:2,cpu:3', '--replicas', '2', '--threads', '9']
  ])
  t.same(settings, {}, 'are no part of what decides the numbers')
  t.match(await settleDevice(where), {
    name: 'cpu:0,cpu:1,cpu:2,cpu:3',
    names: ['cpu:0', 'cpu:1', 'cpu:2', 'cpu:3'],
    parallel: { replicas: 2 },
    options: { threads: 2 }
  })
  t.match(await settleDevice({ devices: 'cpu, cpu:1', threads: 1 }), {
    names: ['cpu', 'cpu:1'],
    parallel: { replicas: 1 },
    options: { threads: 1 }
  })
  const gpus = await settleDevice({ devices: 'cuda:0#0,cuda:0#1', threads: 6, tf32: true })
  t.match(gpus, { options: { threads: 6, tf32: true } }, 'threads are for CPUs to share')

  const refused = (devices: string, message: RegExp, replicas?: number) =>
    t.rejects(settleDevice({ devices, ...(replicas && { replicas }) }), {
      name: 'UsageError',
      message
    })
  await refused('', /^--devices: expected comma-separated names, .*, got ''/)
  await refused('cpu:0,', /got 'cpu:0,'/)
  await refused('cpu:0,gpu', /^--devices: there is no device 'gpu': expected cpu, /)
  await refused('cpu:0,cpu:0#1', /there is no device 'cpu:0#1'/)
  await refused('cpu:1,cpu:1', /expected each device once, got cpu:1 again/)
  await refused('cpu,cpu:00', /expected each device once, got cpu:00 again/)
  await refused('cuda,cuda:1,cuda:0#0', /expected each device once, got cuda:0#0 again/)
  await refused('cpu,cuda', /^--devices: expected CPUs or GPUs, got some of each: cpu, cuda/)
  await refused('cpu:0,cpu:1,cpu:2', /replicas: expected .* divides 3 devices, got 2/, 2)
  await t.rejects(settleDevice({ replicas: 2 }), /--replicas is for several devices/)
  await t.rejects(
    settleDevice({ devices: 'cpu:0,cpu:1', tf32: true }),
    /the device is cpu:0, cpu:1/
  )
  await t.rejects(trainArguments(['--device', 'cpu', '--devices', 'cpu:0,cpu:1']), {
    name: 'UsageError',
    message: /'--devices <names>' cannot be used with/
  })
})

t.test('an optimizer that was asked for', async (t) => {
  const given = await settings('--net', 'alexnet', '--optimizer', 'adam', '--momentum', '0.7')
  t.match(given, { optimizer: 'adam', lr: 0.00005, weightDecay: 0 })
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
  t.throws(
    () => optimizerOf({ ...given, momentum: Number.NaN }),
    /\[run\] settings\.momentum: expected a number from 0 to 1, got NaN/
  )
  t.throws(() => optimizerOf({ ...given, weightDecay: -1 }), /weightDecay: expected .* got -1/)
  t.throws(() => sgd({ momentum: 1.5 }), /\[sgd\] momentum: expected a number from 0 to 1/)
  t.throws(() => adam({ epsilon: Infinity }), /epsilon: expected a number from 0, got Infinity/)
  await t.rejects(trainArguments(['--optimizer', 'lion']), /Allowed choices are sgd, adam/)
})
