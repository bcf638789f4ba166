// `alexnode recipe` as people call it.
import t from 'tap'
import { recipeNames } from '../lib/run/recipes/index.ts'
import { objects, runProgram, widest } from './programs.ts'

const recipe = (...args: string[]) => runProgram('lib/cli/main.ts', ['recipe', ...args])

t.test('the list', async (t) => {
  const { code, out } = await recipe()
  t.equal(code, 0)
  t.same(out.match(/^\S+/gm), recipeNames)
})

t.test('one', async (t) => {
  const { code, out, err } = await recipe('chm-145', '--ablate', ' no-lrn', '--json')
  t.match({ code, err }, { code: 0, err: '' })
  const [object, ...more] = objects(out)
  t.strictSame(more, [])
  t.match(object, {
    name: 'chm-145',
    without: ['no-lrn'],
    batch: 128,
    input_shape: { channels: 3, height: 224, width: 224 },
    layers: [{ name: 'conv1', kind: 'conv2d', filters: 96 }, { kind: 'max_pool' }],
    expected: [{ views: 10, top1_error: 0.4203, top5_error: 0.1936, source: /#148/ }]
  })
})

t.test('two', async (t) => {
  const { code, out } = await recipe('paper', '--diff', 'chm-145')
  t.equal(code, 0)
  t.ok(widest(out) <= 80, 'fits a terminal')
  t.match(out, /^recipe +paper +chm-145\n/)
  t.match(out, /^length +90 epochs +91 epochs\n/m)
  t.match(out, /^rate conv1 +– +ε = 0.01, 0.001 from epoch 25,\n/m)
  t.notMatch(out, /^batch/m, 'which is the same')
})

t.test('what cannot be', async (t) => {
  const { code, out, err } = await recipe('vgg')
  t.same([code, out], [2, ''])
  t.match(err, /there is no recipe 'vgg': expected one of paper, /)
})
