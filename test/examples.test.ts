import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readHdf5 } from '../lib/util/files/hdf5-open.ts'
import { readSafetensors } from '../lib/util/files/safetensors.ts'
import { writeSmallSet } from './idx-files.ts'
import { picture } from './photo-files.ts'
import { runProgram } from './programs.ts'

t.test('train', async (t) => {
  const folder = t.testdir()
  await writeSmallSet(join(folder, 'fashion-mnist'))
  const weights = join(folder, 'weights.safetensors')
  const env = { ALEXNODE_DATA: folder }
  const { code, out, err } = await runProgram('examples/train.ts', ['21', weights], env)
  t.equal(code, 0, err)
  t.match(out, /^step 20: loss [\d.]+\ntest: loss [\d.]+, top-1 [\d.]+ %\n$/)
  t.match((await readSafetensors(weights)).tensors, { 'fc8.bias': { shape: [10] } })
})

t.test('keras-fashion', async (t) => {
  const folder = t.testdir()
  await writeSmallSet(join(folder, 'fashion-mnist'))
  const weights = join(folder, 'weights.h5')
  const args = ['--epochs', '1', '--batches', '2', '--width', '0.0625', '--out', weights]
  const ended = await runProgram('examples/keras-fashion.ts', args, { ALEXNODE_DATA: folder })
  t.equal(ended.code, 0, ended.err)
  t.match(
    ended.out,
    /^batch 2\/2: loss [\d.]+, top-1 [\d.]+ %; test: loss [\d.]+, top-1 [\d.]+ %\n$/
  )
  const { arrays } = await readHdf5(weights)
  t.strictSame(arrays.get('conv2d/conv2d/kernel:0')?.shape, [11, 11, 1, 6])
})

t.test('tensorflow-mnist', async (t) => {
  const folder = t.testdir()
  await writeSmallSet(folder)
  const args = ['--data', folder, '--images', '1400', '--width', '0.0625']
  const ended = await runProgram('examples/tensorflow-mnist.ts', args)
  t.equal(ended.code, 0, ended.err)
  t.match(
    ended.out,
    /^images 1280: loss [\d.]+, accuracy [\d.]+\ntest: accuracy [\d.]+ on 6 images\n$/
  )
})

t.test('activations', async (t) => {
  const out = join(t.testdir(), 'curves')
  const ended = await runProgram('examples/activations.ts', [out])
  t.equal(ended.code, 0, ended.err)
  t.match(ended.out, /^sigmoid: slope 0\.25 at 0\ntanh: slope 1\.00 at 0\nrelu: slope 0\.00 at 0\n/)
  const svg = readFileSync(`${out}.svg`, 'utf8')
  for (const text of ['sigmoid', 'tanh', 'relu', 'derivative']) t.match(svg, `>${text}<`)
  t.match(readFileSync(`${out}.png`).subarray(1, 4).toString(), 'PNG')
})

t.test('low-level', async (t) => {
  const { code, out, err } = await runProgram('examples/low-level.ts', [])
  t.equal(code, 0, err)
  t.match(out, /the same: true\nconv2d \(.+\): [\d.]+ ms\nconv2d_backward_weights /)
})

t.test('custom-net', async (t) => {
  const { code, out, err } = await runProgram('examples/custom-net.ts', ['0.02'])
  t.equal(code, 0, err)
  t.match(out, /top1: 0\.\d+/)
})

t.test('fine-tune', async (t) => {
  const folder = t.testdir()
  for (const [c, name] of ['ant', 'bee', 'cow', 'dog'].entries()) {
    for (const part of ['train', 'test']) {
      mkdirSync(join(folder, 'set', part, name), { recursive: true })
      for (let i = 0; i < 4; i++) {
        const file = join(folder, 'set', part, name, `${i}.png`)
        const seed = 100 * c + i + (part === 'test' ? 50 : 0)
        writeFileSync(file, await picture(seed, { width: 32, height: 32, kind: 'png' }))
      }
    }
  }
  const args = [join(folder, 'set'), '--epochs', '1', '--steps', '2', '--seeds', '2']
  const { code, out, err } = await runProgram('examples/fine-tune.ts', args, {
    XDG_CACHE_HOME: join(folder, 'cache')
  })
  t.equal(code, 0, err)
  t.match(
    out,
    /^ant, bee: 1 epochs in [\d.]+ s\nfrom nothing: top-1 [01]\.\d{3} [01]\.\d{3}; [\d.]+ s, [\d.]+ MiB\n/
  )
  t.match(out, /\nits features frozen: top-1 /)
})
