// The end of a run that learnt nothing, and tests that take less time or none.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { standstillText } from '../lib/cli/train/standstill.ts'
import { arrayImageSet } from '../lib/data/array-image-set.ts'
import type { Dataset } from '../lib/data/dataset.ts'
import { subset } from '../lib/data/hold-out.ts'
import { withFewerTests } from '../lib/run/split-data.ts'
import { guessOf, isGuess } from '../lib/training/watch/guessing.ts'
import { idx, writeSet } from './idx-files.ts'
import { objects, runProgram, widest } from './programs.ts'

const flat = (text: string) => text.replaceAll(/\s+/g, ' ')
const result = (top1: number, loss: number, images = 1000) => {
  return { top1, top5: 1, loss, images, imagesPerSecond: 1, notFinite: 0 }
}
const ten = Array.from({ length: 10 }, () => 100)

t.test('what guessing gives', async (t) => {
  t.match(guessOf(ten), { top1: 0.1 })
  t.equal(guessOf(ten).loss.toFixed(9), Math.log(10).toFixed(9))
  t.equal(guessOf([90, 10, 0]).top1, 0.9)
  t.equal(guessOf([90, 10, 0]).loss.toFixed(4), '0.3251')
  for (const [top1, loss, guessed] of [
    [0.1, 2.304, true],
    [0.118, 2.31, true],
    [0.125, 2.304, false],
    [0.1, 2.2, false],
    [0.02, 14, true]
  ] as const) {
    t.equal(isGuess(result(top1, loss), guessOf(ten)), guessed, `${top1}, ${loss}`)
  }
  t.equal(isGuess(result(0.9, 0.33), guessOf([900, 100])), true, 'all are of the largest class')
  t.equal(isGuess(result(0.96, 0.33), guessOf([900, 100])), false)
})

t.test('the last lines', async (t) => {
  const told = (top1: number, loss: number, trained: number, images: readonly number[] = ten) =>
    standstillText({ result: result(top1, loss), images, loss: trained })
  t.match(
    told(0.1, 2.304, 2.304),
    /^Test top-1 \.100 is what guessing gives: each of the 10 classes has \.100 of the test images\. .*--lr auto/
  )
  t.match(
    told(0.9, 0.69, 0.69, [900, 100]),
    /^Test top-1 \.900 .* the largest class has \.900 of the test images\. The net has learnt nothing/
  )
  t.match(told(0.1, 5, 0.01), /But the loss in training fell to 0\.010: .* by heart/)
  t.equal(told(0.3, 2, 2), undefined)
  const untested = (loss: number) => standstillText({ result: undefined, images: ten, loss })
  t.match(untested(2.31), /^The loss of the last steps, 2\.310, is no better than guessing/)
  t.equal(untested(2), undefined)
  t.equal(standstillText({ result: result(0.1, 2.3), images: ten, loss: undefined }), undefined)
})

/** 40 images of one byte, which is their number, in classes of 10. */
function numbered(): Dataset {
  const images = Uint8Array.from({ length: 40 }, (_, i) => i)
  const labels = images.map((i) => Math.floor(i / 10))
  const classes = ['a', 'b', 'c', 'd']
  const set = arrayImageSet({ images, labels, height: 1, width: 1, classes })
  const { mean, std } = set
  return { name: 'numbered', source: '', classes, mean, std, train: set, test: set }
}

t.test('fewer test images are drawn from all classes', async (t) => {
  const data = numbered()
  const numbers = async ({ test }: Dataset) => {
    const images = new Uint8Array(test.length)
    await test.read(Uint32Array.from(images.keys()), images, new Int32Array(test.length))
    return [...images]
  }
  const fewer = (testImages?: number, seed = 1) =>
    withFewerTests({ seed, ...(testImages && { testImages }) }, data)
  const drawn = await numbers(fewer(20))
  t.equal(new Set(drawn).size, 20)
  t.equal(new Set(drawn.map((i) => Math.floor(i / 10))).size, 4, 'not the first alone')
  t.strictSame(await numbers(fewer(20)), drawn)
  t.notSame(await numbers(fewer(20, 2)), drawn)
  t.equal(fewer(40), data)
  t.equal(fewer(), data)
})

t.test('a part of a set keeps how photographs were fitted, and loads in threads', async (t) => {
  const { test } = numbered()
  const asked: number[] = []
  const load = async (indices: Uint32Array) => void asked.push(...indices)
  const part = subset({ ...test, fit: 'warp', load }, Uint32Array.of(7, 3))
  t.equal(part.fit, 'warp')
  // What is loaded into does not matter here.
  await part.load?.(Uint32Array.of(1, 0), undefined as never, 0, new Int32Array(2))
  t.strictSame(asked, [3, 7])
  t.equal(subset(test, Uint32Array.of(1)).load, undefined)
})

t.test('on the command line', async (t) => {
  const dir = t.testdir()
  const part = (count: number) => idx([count, 28, 28], new Uint8Array(count * 784).fill(9))
  const labels = (count: number) => Array.from({ length: count }, (_, i) => (i % 4 ? 0 : i % 10))
  const data = await writeSet(join(dir, 'data'), {
    'train-images-idx3-ubyte': part(40),
    'train-labels-idx1-ubyte': idx([40], labels(40)),
    't10k-images-idx3-ubyte': part(60),
    't10k-labels-idx1-ubyte': idx([60], labels(60))
  })
  const program = 'lib/cli/train.ts'
  const line = ['--data', data, '--net', 'cifar', '--batch', '4', '--lr', '0', '--steps', '2']
  const out = (name: string) => ['--out', join(dir, name)]
  const still = await runProgram(program, [...line, '--test-images', '30', ...out('still')])
  t.match(still, { code: 0, err: '' })
  t.ok(widest(still.out, dir) <= 80, still.out)
  t.match(flat(still.out), /Test top-1 \.\d+, loss \d\.\d+ on 30 of 60 images /)
  t.match(
    flat(still.out),
    /Test top-1 \.\d+ is what guessing gives: the largest class has \.\d+ of/
  )
  const none = await runProgram(program, [...line, '--no-test', '--json', ...out('none')])
  t.equal(none.code, 0, none.err)
  t.match(flat(none.err), /Test none: --no-test /)
  t.match(objects(none.out).at(-1), { final: true, steps: 2, standstill: String })
  const log = objects(readFileSync(join(dir, 'none', 'log.jsonl'), 'utf8'))
  t.strictSame(log.at(-1), { final: true, steps: 2 })
})
