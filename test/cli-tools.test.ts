import t from 'tap'
import { hasNvidiaDriver } from '../lib/doctor/system.ts'
import { objects, runProgram, widest } from './programs.ts'

const program = 'lib/cli/main.ts'

t.test('summary', async (t) => {
  const args = ['summary', '--net', 'alexnet', '--batch', '128']
  const { code, out, err } = await runProgram(program, [...args, '--dtype', 'f32', '--json'])
  t.match({ code, err }, { code: 0, err: '' })
  const [summary, ...more] = objects(out)
  t.strictSame(more, [])
  t.match(summary, {
    net: 'alexnet',
    batch: 128,
    dtype: 'f32',
    parameters: 60_965_224,
    layers: [{ name: 'conv1', kind: 'conv2d', output: [96, 55, 55], parameters: 34_944 }],
    memory: { device: 'cpu', fits: Boolean, bytes: Number, available: Number }
  })
  const slab = (name: string) => {
    const { slabs } = Object(summary?.memory)
    return slabs.find((slab: { name: string }) => slab.name === name)?.bytes
  }
  // f32 each, and the padding of blocked layouts.
  for (const name of ['parameters', 'gradients', 'optimizer']) {
    t.ok(slab(name) >= 4 * 60_965_224 && slab(name) < 4.2 * 60_965_224, `${name} ${slab(name)}`)
  }
  const text = await runProgram(program, args)
  t.equal(text.code, 0)
  t.ok(widest(text.out) <= 80, text.out)
  t.match(text.out, /all .*60,965,224 /)

  const infer = await runProgram(program, [...args, '--mode', 'infer', '--json'])
  t.match(objects(infer.out), [{ training: false, parameters: 60_965_224 }])
})

t.test('bench', async (t) => {
  const args = ['bench', '--net', 'fashion', '--batch', '2', '--dtype', 'f32', '--steps', '2']
  for (const mode of ['train', 'infer']) {
    const ended = await runProgram(program, [...args, '--mode', mode, '--threads', '1', '--json'])
    t.match(ended, { code: 0, err: '' })
    const [result = {}, ...more] = objects(ended.out)
    t.strictSame(more, [])
    t.strictSame(Object.keys(result), [
      ...['images_per_s', 'images_per_s_min', 'images_per_s_max'],
      ...[
        'step_ms',
        'host_cpu_ms',
        'host_call_ms',
        'outside_ms',
        'peak_rss_mb',
        'device',
        'threads',
        'tf32',
        'deterministic',
        'dtype',
        'winograd'
      ],
      ...['reorders', 'per_layer']
    ])
    const { images_per_s: median, images_per_s_min: least, images_per_s_max: most } = result
    t.ok(Number(least) <= Number(median) && Number(median) <= Number(most))
    t.ok(Math.abs(Number(result.step_ms) * Number(median) - 2000) < 1)
    const layers = [Object(result.per_layer)].flat()
    const passes = new Set(layers.map(({ pass }) => pass))
    t.strictSame(
      [...passes],
      mode === 'train' ? ['forward', 'backward', 'update', 'refresh'] : ['forward']
    )
    // Two images of 96×54×54 outputs, each the sum of 11×11 products.
    const products = 2 * 96 * 54 * 54 * 11 * 11
    // Read: 1×224×224, the filters and the biases; written: the outputs.
    const least_bytes = 4 * (2 * (224 * 224 + 96 * 54 * 54) + 96 * 11 * 11 + 96)
    const calls = [{ op: 'conv2d', implementation: String, ms: Number }]
    t.match(layers[0], { layer: 'conv1', flop: 2 * products, least_bytes, calls })
    t.ok(layers.every(({ bytes, least_bytes }) => bytes >= least_bytes))
    const sum = layers.reduce((sum, { ms }) => sum + ms, 0)
    // Held against the step's CPU time, which other processes do not lengthen.
    t.ok(sum > 0.3 * Number(result.host_cpu_ms), 'the calls make up the step')
  }
  const text = await runProgram(program, args)
  t.equal(text.code, 0)
  t.ok(widest(text.out) <= 80, text.out)
  t.match(text.out, /^Device +cpu: CPU, /m)
  t.match(text.out, /^Speed +[\d.]+ images\/s/m)
})

t.test('where it computes', async (t) => {
  const run = (...args: string[]) =>
    runProgram(program, ['bench', '--net', 'fashion', '--batch', '2', ...args], {
      ALEXNODE_CUDA_PATH: ''
    })
  const tf32 = await run('--device', 'cpu:1', '--tf32')
  t.match(tf32, { code: 2, out: '', err: /--tf32 is for GPUs, and the device is cpu:1/ })
  const both = await run('--device', 'cuda', '--tf32', '--dtype', 'bf16')
  t.match(both, { code: 2, err: /--tf32 is for --dtype f32, and it is bf16/ })
  t.match(await run('--device', 'tpu'), { code: 1, err: /there is no device 'tpu'/ })
  const half = await run('--device', 'cpu', '--dtype', 'f16')
  t.match(half, { code: 1, err: /cannot compute in f16, which is for GPUs/ })
  if (hasNvidiaDriver({})) return
  const cuda = await run('--device', 'cuda')
  t.match(cuda, { code: 1, out: '', err: /cuda cannot be used here: no driver/ })
  t.ok(widest(cuda.err) <= 80, cuda.err)
  const summary = await runProgram(program, ['summary', '--net', 'fashion', '--batch', '1'], {
    ALEXNODE_CUDA_PATH: ''
  })
  t.match(summary.out, /^Device +cpu: CPU, .*\n +chosen because there is no NVIDIA driver$/m)
})

t.test('the program itself', async (t) => {
  const run = (...args: string[]) => runProgram(program, args)
  t.match(await run('--help'), { code: 0, out: /train +train a net/, err: '' })
  t.match(await run('--version'), { code: 0, out: /^\d+\.\d+\.\d+\n$/ })
  t.match(await run(), { code: 2, out: '', err: /Usage: alexnode/ })
  t.match(await run('fly'), { code: 2, out: '', err: /there is no command 'fly'/ })
  t.match(await run('train', '--help'), { code: 0, out: /--checkpoint-every/ })
  t.match(await run('summary'), { code: 2, err: /required option '--net <name>' not specified/ })
  t.match(await run('bench', '--net', 'x', '--batch', '1'), { code: 2, err: /'x' is invalid/ })
})
