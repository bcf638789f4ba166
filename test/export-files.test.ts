// `alexnode export`: its files are read back, started from, and tell how the run resizes pictures.
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import { openTrained } from '../lib/use/trained.ts'
import { fitWeights } from '../lib/weights/fit/fit.ts'
import { importOnnx } from '../lib/weights/onnx/import/import.ts'
import { readWeights } from '../lib/weights/read.ts'
import { objects, runProgram } from './programs.ts'

const program = 'lib/cli/main.ts'
const dir = t.testdir()
const env = { XDG_CACHE_HOME: join(dir, 'cache') }
const run = join(dir, 'run')
const folder = join(dir, 'pictures')
const names = ['ant', 'bee', 'cow']
const some = names.map((name) => join(folder, name, '0.png'))
const use = (...args: readonly string[]) => runProgram(program, args, env)
const flat = (text: string) => text.replaceAll(/\s+/g, ' ')

/** Stripes by class, wider than high, which each filter makes smaller in its way. */
async function draw(): Promise<void> {
  for (const [c, name] of names.entries()) {
    mkdirSync(join(folder, name), { recursive: true })
    for (let i = 0; i < 6; i++) {
      const pixels = Uint8Array.from({ length: 101 * 77 * 3 }, (_, at) => {
        return (at % 3 === c ? 90 : 0) + ((Math.floor(at / 3) * (2 + i + c)) % 7) * 23
      })
      const raw = { width: 101, height: 77, channels: 3 } as const
      await sharp(pixels, { raw })
        .png()
        .toFile(join(folder, name, `${i}.png`))
    }
  }
}

const training = ['train', '--net', 'cifar', '--batch', '4', '--threads', '1', '--no-test']
const prepared = join(dir, 'prepared')

await t.test('a run by the filter of torchvision', async (t) => {
  await draw()
  const made = await use('prepare', folder, prepared, '--size', '32', '--resize-filter', 'bilinear')
  t.match(made, { code: 0 }, made.err)
  const ended = await use(...training, '--data', prepared, '--steps', '30', '--out', run)
  t.match(ended, { code: 0 }, ended.err)
  t.match(JSON.parse(readFileSync(join(run, 'data.json'), 'utf8')), { filter: 'bilinear' })
})

t.test('evaluate and predict resize as the run does', async (t) => {
  const predicted = async (...more: string[]) => {
    const { code, out, err } = await use('predict', run, ...some, '--json', '--top', '3', ...more)
    t.equal(code, 0, err)
    const [{ predictions } = {}] = objects(out)
    return JSON.stringify(predictions)
  }
  const usual = await predicted()
  t.equal(await predicted('--resize-filter', 'bilinear'), usual)
  t.not(await predicted('--resize-filter', 'lanczos3'), usual)
  const loss = async (data: string, ...more: string[]) => {
    const args = ['evaluate', run, '--data', data, '--split', 'all', '--json', '--threads', '1']
    const { code, out, err } = await use(...args, ...more)
    t.equal(code, 0, err)
    return objects(out)[0]?.loss
  }
  // A folder that is not prepared is prepared as the run's data were.
  const known = await loss(folder)
  t.type(known, 'number')
  t.equal(await loss(prepared), known)
  t.equal(await loss(folder, '--resize-filter', 'bilinear'), known)
  t.not(await loss(folder, '--resize-filter', 'lanczos3'), known)
})

t.test('files that are read back', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  await using trained = await openTrained(run, device, { batch: 1, dtype: 'f32' })
  const own = await trained.net.parameters.export(trained.net.stream)
  const cases = [
    ['net.onnx', 'f32', 0],
    ['half.onnx', 'f16', 1e-3],
    ['net.safetensors', 'f32', 0],
    ['half.safetensors', 'f16', 1e-3],
    ['net.h5', undefined, 0],
    ['net.weights.h5', undefined, 0]
  ] as const
  for (const [name, dtype, bound] of cases) {
    const out = join(dir, name)
    const made = await use('export', run, out, '--json', ...(dtype ? ['--dtype', dtype] : []))
    t.equal(made.code, 0, made.err)
    const file = await readWeights(out)
    t.match(objects(made.out), [{ file: out, dtype: dtype ?? 'f32', bytes: file.bytes }])
    const fit = await fitWeights(trained.facts.definition, file)
    t.strictSame([fit.missing, fit.unused], [[], []], name)
    const tensors = name.endsWith('.onnx') ? (await importOnnx(out)).tensors : await fit.read()
    t.equal(tensors.size, own.size)
    for (const [parameter, { data }] of own) {
      const read = tensors.get(parameter)?.data ?? []
      const far = data.findIndex(
        (value, i) =>
          !(Math.abs(value - (read[i] ?? Number.NaN)) <= bound * Math.abs(value) + bound / 1e4)
      )
      t.equal(far, -1, `${name}: ${parameter}`)
    }
    if (dtype === 'f16') t.equal(file.tensors.get('conv1.weight')?.dtype, 'f16')
  }
  const refused = await use('export', run, join(dir, 'no.h5'), '--dtype', 'f16')
  t.match(refused, { code: 2, err: /holds f32: leave --dtype out/ })
  t.notOk(existsSync(join(dir, 'no.h5')))
})

t.test("the metadata tell the run's filter and its rounding", async (t) => {
  for (const more of [[], ['--with-preprocessing']]) {
    const out = join(dir, 'told.onnx')
    t.match(await use('export', run, out, ...more), { code: 0 })
    const { metadata } = await readWeights(out)
    const { photograph, in_graph } = JSON.parse(metadata.preprocessing ?? '')
    t.equal(in_graph, more.length > 0)
    t.match(photograph, {
      filter: 'bilinear',
      antialias: true,
      colours: 'as stored',
      rounding: { longer: 'down', middle: 'even' }
    })
    t.match(
      metadata.preprocessing_in_words,
      /\(bilinear with antialiasing, as Pillow\).*CenterCrop/
    )
    t.notMatch(metadata.preprocessing_in_words, /lanczos|sRGB/)
  }
})

t.test('runs that start from these files', async (t) => {
  for (const name of ['net.onnx', 'half.safetensors', 'net.h5', 'net.weights.h5']) {
    const out = join(dir, `from-${name}`)
    const from = ['--data', prepared, '--from', join(dir, name), '--steps', '1', '--out', out]
    const ended = await use(...training, ...from)
    t.match(ended, { code: 0 }, ended.err)
    t.match(flat(ended.out), /11 layers taken/, name)
  }
})
