// `alexnode export`: the files it writes, by name; and that it leaves the run's own files alone.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readWeights } from '../lib/weights/index.ts'
import { runProgram } from './programs.ts'

const dir = t.testdir()
const run = join(dir, 'run')
const alexnode = (...args: readonly string[]) => runProgram('lib/cli/main.ts', args)
const net = ['--net', 'cifar', '--data', 'shapes', '--batch', '2', '--steps', '1', '--no-test']

t.before(async () => {
  const { code, err } = await alexnode('train', ...net, '--out', run, '--threads', '1')
  t.equal(code, 0, err)
})

t.test('weights in half the bytes', async (t) => {
  const out = join(dir, 'half.safetensors')
  t.match(await alexnode('export', run, out, '--dtype', 'f16'), { code: 0, err: '' })
  const { tensors } = await readWeights(out)
  t.match([tensors.get('fc8.weight')?.dtype, tensors.get('fc8.bias')?.dtype], ['f16', 'f32'])
})

t.test("no .safetensors into the run's folder, which would replace its weights", async (t) => {
  const own = join(run, 'weights.safetensors')
  const before = readFileSync(own)
  const err = /outside of\s+the run's folder/
  t.match(await alexnode('export', run, own, '--dtype', 'f16'), { code: 2, out: '', err })
  t.ok(readFileSync(own).equals(before))
  const onnx = join(run, 'net.onnx')
  t.match(await alexnode('export', run, onnx), { code: 0 })
  t.ok(existsSync(onnx))
})

t.test('which batch norms are folded is said', async (t) => {
  const out = join(dir, 'folded.onnx')
  const args = ['export', run, out, '--fold-batch-norm']
  // Between its convolutions and batch norms are ReLUs.
  t.match(await alexnode(...args), {
    code: 0,
    out: /0 of 3 batch norms folded; kept: norm1, norm2, norm5/
  })
  const { out: json } = await alexnode(...args, '--json')
  t.match(JSON.parse(json).norms, { folded: [], kept: ['norm1', 'norm2', 'norm5'] })
})
