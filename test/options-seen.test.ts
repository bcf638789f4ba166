// Options that would be ignored, or that f32 does not hold, are refused.
import t from 'tap'
import { sgd } from '../lib/index.ts'
import { checkOptions } from '../lib/util/check/check.ts'
import { dictionary, number, plain, positive, record } from '../lib/util/check/rules.ts'

t.test('what holds values otherwise than by name', async (t) => {
  const rules = [record({ momentum: number() }), dictionary(number()), plain]
  for (const value of [
    new Map([['momentum', 0.9]]),
    Promise.resolve({ momentum: 0.9 }),
    new Set()
  ]) {
    for (const rule of rules) {
      t.throws(() => checkOptions('sgd', value, rule), { message: /expected an object, got a/ })
    }
  }
  t.throws(() => Reflect.apply(sgd, undefined, [new Map([['momentum', 0.9]])]), /got a Map/)
})

t.test('numbers above 0 that are 0 in f32', async (t) => {
  const rule = record({ clipNorm: positive })
  for (const clipNorm of [1e-40, 1, Number.POSITIVE_INFINITY]) {
    t.doesNotThrow(() => checkOptions('train', { clipNorm }, rule))
  }
  t.throws(() => checkOptions('train', { clipNorm: 1e-60 }, rule), {
    message: /clipNorm: expected a number above 0, got 1e-60, which is 0 in f32/
  })
  for (const clipNorm of [0, -1, Number.NaN, '1']) {
    t.throws(() => checkOptions('train', { clipNorm }, rule), { message: /clipNorm: expected/ })
  }
})
