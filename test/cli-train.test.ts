import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readSafetensors } from '../lib/util/files/safetensors.ts'
import { noSmallDisk, setReadOnly, smallDisk } from './disks.ts'
import { writeSmallSet } from './idx-files.ts'
import { objects, Running, runProgram, widest } from './programs.ts'

const program = 'lib/cli/train.ts'
const dir = t.testdir()
const data = join(dir, 'data')
const out = join(dir, 'run')

await writeSmallSet(data)

const small = ['--data', data, '--batch', '2', '--lr', '0.001', '--threads', '2']
/** Without line ends, whose places depend on the paths. */
const flat = (text: string) => text.replaceAll(/\s+/g, ' ')
const log = (folder: string) => objects(readFileSync(join(folder, 'log.jsonl'), 'utf8'))

t.test('trains, tests and keeps all of it', async (t) => {
  mkdirSync(out)
  writeFileSync(join(out, 'control.json'), '{"lr": 0.002}')
  const looks = ['--validate-every', '3', '--hold-out', '2', '--keep', '3']
  const args = [...small, '--steps', '3', '--checkpoint-every', '2', ...looks, '--out', out]
  const ended = await runProgram(program, args)
  t.match(ended, { code: 0, err: '' })
  t.ok(widest(ended.out, dir) <= 80, ended.out)
  for (const text of [
    /^Data +data,\s+found\s+in\s/m,
    /24 \+ 6 images of 28×28, 10 classes/,
    /^Device +cpu: CPU, 2 threads, /m,
    /^dtype +(f32|bf16): bf16 is /m,
    /fashion: 1×224×224 in batches of 2, 46,765,450 parameters, 938 M MACs/,
    /conv2 +│ conv2d +│ 256×26×26 │ +614,656 │ +415 M/,
    /^Memory +\d+ MiB of [\d,]+ MiB on cpu\n +parameters 178 MiB, gradients 178 MiB, optimizer 178 MiB/m,
    /^Step 1: the rate changes from 0\.001 to 0\.002\.$/m,
    /^step 1\/3 {2}loss +[\d.]+ {2}top-1 +[\d.]+ {2}[\d.]+ images\/s {2}ETA \d:\d\d$/m,
    /^step 3\/3 /m,
    /^Step 3: top-1 [\d.]+, loss [\d.]+ in validation, the best so far\.$/m,
    /^Test +top-1 [\d.]+, loss [\d.]+ on 6 images$/m,
    /^Weights +.*run\/weights\.safetensors$/m,
    /^Log +.*run\/log\.jsonl$/m
  ]) {
    t.match(ended.out, text)
  }
  const validation = { step: 3, validation_top1: Number, validation_loss: Number, best: true }
  const [changed, , , third, looked] = log(out)
  t.strictSame(changed, { step: 1, lr_old: 0.001, lr_new: 0.002 })
  t.match([third, looked], [{ step: 3, loss: Number }, validation])
  t.match(log(out).at(-1), { final: true, steps: 3 })
  t.match(JSON.parse(readFileSync(join(out, 'best.json'), 'utf8')), { step: 3 })
  const { tensors } = await readSafetensors(join(out, 'weights.safetensors'))
  t.match(tensors['conv1.weight'], { dtype: 'f32', shape: [96, 1, 11, 11] })
  t.match(tensors['fc8.bias'], { dtype: 'f32', shape: [10] })
  for (const step of [2, 3]) t.ok(existsSync(join(out, `checkpoint-0000000${step}`)))

  t.test('it goes on with the options it was started with', async (t) => {
    writeFileSync(join(out, 'control.json'), '{"lr": 0.003}')
    const ended = await runProgram(program, ['--resume', '--steps', '4', '--out', out, '--json'])
    t.equal(ended.code, 0, ended.err)
    t.match(flat(ended.err), /resumed after step 3/)
    t.match(flat(ended.err), /rate 0\.001 \(constant\), from step 1 on 0\.002, decay/)
    const [changed, step, looked, last, ...more] = objects(ended.out)
    t.strictSame(changed, { step: 4, lr_old: 0.002, lr_new: 0.003 })
    t.match(flat(ended.err), /Step 4: the rate changes from 0\.002 to 0\.003\./)
    t.match(looked, { step: 4, validation_top1: Number, validation_loss: Number })
    t.strictSame(more, [])
    t.strictSame(Object.keys(step ?? {}), ['step', 'loss', 'top1', 'images_per_s', 'gradient_norm'])
    t.match(step, { step: 4, loss: Number, top1: Number, images_per_s: Number })
    const { standstill: _, ...result } = last ?? {} // four steps on noise may have learnt nothing
    t.strictSame(Object.keys(result), ['final', 'test_top1', 'test_loss', 'steps'])
    t.match(last, { final: true, test_top1: Number, test_loss: Number, steps: 4 })
    t.match(log(out).at(-3), step ?? {})
    t.strictSame(log(out).at(-1), result)
  })

  t.test('with other options it does not', async (t) => {
    const args = ['--resume', '--batch', '4', '--momentum', '0', '--out', out]
    const { code, err, out: said } = await runProgram(program, args)
    t.equal(code, 2)
    t.equal(said, '')
    t.match(flat(err), /--batch was 2 and is 4, --momentum was 0\.9 and is 0/)
    t.equal(log(out).length, 9, 'and nothing is changed')
  })

  t.test('without --resume a new run gets a folder of its own', async (t) => {
    const running = new Running(program, [...small, '--epochs', '100', '--out', out])
    await running.says(/^step 1\/1200 /m)
    running.process.kill('SIGINT')
    const ended = await running.ended
    t.equal(ended.code, 130, ended.err)
    t.match(ended.out, /holds\s+a\s+run:\s+this\s+one\s+is\s+\S*run\/2$/m)
    t.match(
      ended.out,
      /Stopped\s+after\s+step\s+\d+\.\s+The\s+run\s+is\s+kept\s+in\s+\S*run\/2\.\s+To\s+resume\s+it:/
    )
    t.match(ended.out, /--resume --out \S*run\/2$/m)
    const steps = log(join(out, '2')).length
    t.ok(existsSync(join(out, '2', `checkpoint-${String(steps).padStart(8, '0')}`)))
    t.equal(log(out).length, 9, 'the first is as it was')
  })
})

t.test('what is wrong with a run', async (t) => {
  const to = join(dir, 'still')
  const still = ['--net', 'cifar', '--lr', '1e-12', '--weight-decay', '0', '--steps', '250']
  const args = ['--data', data, '--batch', '2', '--threads', '2', ...still, '--out', to]
  const ended = await runProgram(program, args)
  t.match(ended, { code: 0, err: '' })
  t.match(
    flat(ended.out),
    /Step 243: A step changes the weights of layer '\w+' by 0 %, where 0\.1 % /
  )
  t.ok(widest(ended.out, dir) <= 80, ended.out)
  const told = log(to).filter(({ diagnosis }) => diagnosis !== undefined)
  t.match(told, [{ step: 243, diagnosis: 'vanishing', layer: String, text: /^A step changes / }])

  const blown = [...still, '--lr', '1e30', '--json', '--out', join(dir, 'blown')]
  const failed = await runProgram(program, [...args.slice(0, 6), ...blown])
  t.equal(failed.code, 1)
  t.match(flat(failed.err), /step \d+: the loss is .*it began in layer/)
  t.match(objects(failed.out).at(-1), { diagnosis: 'not-finite', layer: String })
  t.strictSame(log(join(dir, 'blown')).at(-1), objects(failed.out).at(-1))
})

t.test('updates of another kind, gone on with', async (t) => {
  const kind = ['--label-smoothing', '0.1', '--clip-norm', '5', '--ema', '0.5', '--accumulate', '2']
  const [whole, rest] = [join(dir, 'whole'), join(dir, 'rest')]
  const start = [...small, '--net', 'cifar', ...kind, '--steps']
  const ended = await runProgram(program, [...start, '4', '--out', whole])
  t.equal(ended.code, 0, ended.err)
  t.match(
    flat(ended.out),
    / label smoothing 0\.1, gradients clipped at norm 5, weights averaged by 0\.5, steps of 2 batches /
  )
  t.match(log(whole)[0], { step: 1, gradient_norm: Number })
  t.equal((await runProgram(program, [...start, '2', '--out', rest])).code, 0)
  const more = ['--resume', '--steps', '4', '--out', rest]
  const other = ['--ema', '0.9', '--accumulate', '3', '--sync-batch-norm']
  const changed = await runProgram(program, [...more, ...other])
  t.equal(changed.code, 2)
  t.match(flat(changed.err), /--ema was 0\.5 and is 0\.9, --accumulate was 2 and is 3, --sync/)
  t.match(flat(changed.err), /--sync-batch-norm was not given and is true/)
  t.equal((await runProgram(program, more)).code, 0)
  const weights = (folder: string) => readFileSync(join(folder, 'weights.safetensors'))
  t.ok(weights(rest).equals(weights(whole)))
})

t.test('what cannot be', async (t) => {
  const refused = async (args: readonly string[], code: number, message: RegExp) => {
    const ended = await runProgram(program, args)
    t.match(ended, { code, out: '' }, args.join(' '))
    t.match(flat(ended.err), message)
    t.ok(widest(ended.err, dir) <= 80, ended.err)
    t.notMatch(ended.err, /\n +at /, 'no stack')
  }
  const usage = (args: readonly string[], message: RegExp) => refused(args, 2, message)
  await usage(['--colour', 'red'], /unknown option '--colour'/)
  await usage(['--net', 'resnet'], /'resnet' is invalid\. Allowed choices are alexnet/)
  await usage(['--batch', '0'], /Expected a whole number from 1, got '0'/)
  await usage(['--steps', '2', '--epochs', '1'], /'--epochs <n>' cannot be used with/)
  await usage(['--ema', '1'], /Expected a fraction from 0 to below 1, got '1'/)
  await usage(['more'], /too many arguments/)
  await refused(['--device', 'cpu5', '--out', join(dir, 'no')], 1, /there is no device 'cpu5'/)
  await refused(['--data', join(dir, 'nowhere'), '--out', join(dir, 'no')], 1, /does not exist/)
})

t.test('a full disk', { skip: noSmallDisk }, async (t) => {
  const disk = smallDisk(t, 64)
  const full = await runProgram(program, [...small, '--steps', '1', '--out', join(disk, 'run')])
  t.equal(full.code, 1)
  t.match(flat(full.err), /the disk is full \(ENOSPC\)/)
})

t.test('help', async (t) => {
  const { code, out } = await runProgram(program, ['--help'])
  t.equal(code, 0)
  t.ok(widest(out) <= 80, out)
  for (const option of [
    ...['net', 'data', 'device', 'threads', 'dtype', 'batch', 'steps', 'epochs', 'lr', 'momentum'],
    ...['optimizer', 'beta2', 'weight-decay', 'seed', 'out', 'checkpoint-every', 'resume', 'json'],
    ...['validate', 'validate-every', 'hold-out', 'patience', 'keep', 'no-watch'],
    ...['start', 'test-images', 'no-test'],
    ...['label-smoothing', 'clip-norm', 'ema', 'accumulate', 'sync-batch-norm']
  ]) {
    t.match(out, new RegExp(`^ {2}--${option}\\b`, 'm'))
  }
})

t.test('a folder that cannot be written', { skip: noSmallDisk }, async (t) => {
  const disk = smallDisk(t, 64)
  setReadOnly(disk, true)
  const ended = await runProgram(program, [...small, '--steps', '1', '--out', join(disk, 'run')])
  t.match(ended, { code: 1, out: '' })
  t.match(flat(ended.err), /cannot make \S+\/run: the disk is mounted read-only \(EROFS\)/)
})
