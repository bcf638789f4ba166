// `alexnode summary --weights`: what a file holds, and which nets it fits.
import { join } from 'node:path'
import t from 'tap'
import { cifar, open, saveWeights } from '../lib/index.ts'
import { objects, runProgram, widest } from './programs.ts'

const run = (...args: string[]) => runProgram('lib/cli/main.ts', ['summary', ...args])
const kept = join(import.meta.dirname, 'weights/kept')
const path = join(t.testdir(), 'own file.bin')

t.before(async () => {
  await using device = await open('cpu', { threads: 1 })
  await using net = await cifar({ classes: 7 }).build(device, { batch: 1, training: false })
  await saveWeights(net, path)
})

t.test('a file that fits a named net, of other classes than the net has', async (t) => {
  const { code, out, err } = await run('--weights', path)
  t.match({ code, err }, { code: 0, err: '' })
  t.ok(widest(out.replace(path, '')) <= 80, out)
  t.match(
    out,
    /own file\.bin:\s+safetensors, [\d,]+ bytes\nHolds +28 tensors, [\d,]+ values: f32\n/
  )
  t.match(out, /^Says +format pt\n +net cifar\n/m)
  t.match(out, /^Tensors +conv1\.bias \[32\] f32\n +conv1\.weight \[32×3×5×5\] f32$/m)
  t.match(out, /^Fits +cifar: all 28 parameters, 7 classes\n$/m)

  const [json] = objects((await run('--weights', path, '--json')).out)
  t.match(json, {
    format: 'safetensors',
    metadata: { net: 'cifar' },
    fits: [{ net: 'cifar', classes: 7, channels: 3, unused: [] }]
  })
})

t.test('how a file fits one net', async (t) => {
  const { out } = await run('--weights', path, '--net', 'cifar')
  t.match(out, /^Net +cifar: 26 of 28 parameters are in the file$/m)
  t.match(out, /^Taken +conv1\.weight from conv1\.weight$/m)
  t.match(out, /^Head +.* is left out: its classes differ$/m)
  t.match(out, /: 7 classes in the file, 10 here$/m)
  const [json] = objects(
    (await run('--weights', path, '--net', 'cifar', '--classes', '7', '--json')).out
  )
  t.match(json, { fit: { net: 'cifar', missing: [], unused: [] } })
})

t.test("others' files", async (t) => {
  const torch = await run('--weights', join(kept, 'torch/checkpoint.pth'))
  t.match(torch, { code: 0, out: /:\s+pytorch,\s.*^Notes +the weights are in \['state_dict'\]/ms })
  t.match(torch.out, /^Fits +none of the named nets in full; --net <name> says why$/m)
  const caffe = await run('--weights', join(kept, 'caffe/old.caffemodel'), '--net', 'caffe')
  t.match(caffe.out, /^Says +net AlexNet$/m)
  t.ok(widest(torch.out.replace(kept, '')) <= 80)
})

t.test('what is wrong', async (t) => {
  t.match(await run('--weights', join(kept, 'torch/model.pth')), {
    code: 1,
    out: '',
    err: /holds objects of a\s+program/
  })
  t.match(await run('--weights', join(kept, 'none')), { code: 1, err: /ENOENT/ })
  const path = join(kept, 'torch/checkpoint.pth')
  t.match(await run('--weights', path, '--freeze', 'conv1'), {
    code: 2,
    out: '',
    err: /--freeze has no effect on --weights/
  })
  t.match(await run('--weights', path, '--classes', '3'), {
    code: 2,
    err: /--classes needs --net here/
  })
  t.match(await run('--weights', import.meta.filename), { code: 1, err: /Caffe,\s+ONNX\)/ })
  t.match(await run('--net', 'cifar'), { code: 2, err: /required option '--batch <n>'/ })
})
