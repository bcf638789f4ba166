// `alexnode train --device cuda` as a person runs it, on the double of CUDA: trained, kept, and gone on with.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { readSafetensors } from '../lib/util/files/safetensors.ts'
import { needsDouble, useDouble } from './cuda-double.ts'
import { writeSmallSet } from './idx-files.ts'
import { objects, runProgram } from './programs.ts'

await useDouble(t)

/** Preloads, in a program, a hook that puts test/small-nets.ts in the place of the named nets. */
function withSmallNets(): NodeJS.ProcessEnv {
  const script = (text: string) => `data:text/javascript,${encodeURIComponent(text)}`
  const instead = pathToFileURL(join(import.meta.dirname, 'small-nets.ts')).href
  const hook = `export const resolve = async (name, context, next) => {
    const found = await next(name, context)
    return found.url.endsWith('/lib/net/models/index.ts') ? { ...found, url: '${instead}' } : found
  }`
  const preload = `import { register } from 'node:module'; register(${JSON.stringify(script(hook))})`
  return { NODE_OPTIONS: `--import=${script(preload)}` }
}

t.test('alexnode train --device cuda', needsDouble, async (t) => {
  const dir = t.testdir()
  const data = join(dir, 'data')
  await writeSmallSet(data)
  const train = (...args: string[]) =>
    runProgram('lib/cli/main.ts', ['train', ...args], withSmallNets())
  const [out, other] = [join(dir, 'run'), join(dir, 'other')]
  const options = ['--device', 'cuda', '--deterministic', '--net', 'small', '--data', data]
  const run = [...options, '--batch', '4', '--lr', '0.01']

  const [first, whole] = await Promise.all([
    train(...run, '--steps', '3', '--checkpoint-every', '2', '--out', out),
    train(...run, '--steps', '5', '--out', other)
  ])
  t.match(first, { code: 0, err: '' })
  t.match(first.out, /^Device +cuda: Fake GPU/m)
  t.match(first.out, /^step 3\/3 /m)
  t.match(first.out, /^Test +top-1 [\d.]+, loss [\d.]+ on 6 images$/m)
  for (const step of [2, 3]) t.ok(existsSync(join(out, `checkpoint-0000000${step}`)))

  const more = await train('--resume', '--device', 'cuda', '--steps', '5', '--out', out)
  t.equal(more.code, 0, more.err)
  t.match(more.out, /^step 5\/5 /m)
  t.match(whole, { code: 0, err: '' })
  const losses = (folder: string) =>
    objects(readFileSync(join(folder, 'log.jsonl'), 'utf8')).flatMap(({ loss }) => loss ?? [])
  t.equal(losses(out).length, 5)
  t.strictSame(losses(out), losses(other), 'as a run that was never stopped')
  const weights = (folder: string) => readSafetensors(join(folder, 'weights.safetensors'))
  t.strictSame((await weights(out)).tensors, (await weights(other)).tensors)
})
