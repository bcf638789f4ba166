// What a command line of training means.
import t from 'tap'
import { trainArguments } from '../lib/cli/options.ts'
import { adam, sgd } from '../lib/optimizer.ts'
import { optimizerOf, settle } from '../lib/settings.ts'

async function settings(...args: string[]) {
  const { settings, defaults } = await trainArguments(args)
  return settle(settings, undefined, { ...defaults, dtype: 'f32' }, false)
}

t.test('Adam where nothing speaks for SGD', async (t) => {
  const adam = { optimizer: 'adam', lr: 0.0003, momentum: 0.8, weightDecay: 0 }
  t.match(await settings(), { ...adam, schedule: 'warmCosine' })
  t.match(await settings('--net', 'fashion', '--steps', '9'), { ...adam, schedule: 'constant' })
  const sgd = { optimizer: 'sgd', momentum: 0.9, weightDecay: 0.0005 }
  t.match(await settings('--net', 'alexnet'), { ...sgd, lr: 0.01 })
  t.match(await settings('--lr', '0.02'), { ...sgd, lr: 0.02 })
  t.match(await settings('--momentum', '0'), { ...sgd, momentum: 0, lr: 0.01 })
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
