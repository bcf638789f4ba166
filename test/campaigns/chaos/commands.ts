/** The commands that signals are sent to, and how to tell that they left nothing half done. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { run, told } from './launch.ts'
import type { Subject } from './subject.ts'

/** A command with its arguments, which write to `out`. */
export interface Command {
  readonly name: string
  args(out: string): readonly string[]
  /** Ends well when it is run again after a signal. Default: it does so with code 0. */
  readonly again?: (out: string) => Promise<void>
}

/** Makes a trained run, photographs and an index, and tells what to do with them. */
export async function commandsOn(subject: Subject, folder: string): Promise<readonly Command[]> {
  const trained = join(folder, 'trained')
  const ended = await subject.run(trained)
  if (ended.code !== 0) throw new Error(told(ended))
  const photos = await photographs(join(folder, 'photos'))
  const index = join(folder, 'index.npy')
  const small = ['--threads', '1', '--batch', '4', '--device', 'cpu']
  const images = [0, 1, 2, 3].map((i) => join(photos, 'red', `${i}.jpg`))
  const features = ['features', trained, photos]
  const indexed = await run([...features, index, ...small])
  if (indexed.code !== 0) throw new Error(told(indexed))
  const size = ['--net', 'cifar', '--batch', '4', '--device', 'cpu']
  return [
    { name: 'train', args: (out) => subject.args(out), again: (out) => subject.finish(out) },
    { name: 'prepare', args: (out) => ['prepare', photos, out, '--size', '48'], again: prepared },
    {
      name: 'evaluate',
      args: (out) => ['evaluate', trained, ...small, '--confusion', `${out}.csv`]
    },
    { name: 'predict', args: () => ['predict', trained, ...images, ...small] },
    { name: 'features', args: (out) => [...features, `${out}.npy`, ...small] },
    { name: 'similar', args: () => ['similar', ...images, '--index', index, ...small] },
    { name: 'filters', args: (out) => ['filters', trained, `${out}.png`] },
    {
      name: 'show-batch',
      args: (out) => ['show-batch', '--data', 'shapes', '--batch', '8', '--out', `${out}.png`]
    },
    { name: 'summary', args: () => ['summary', ...size] },
    { name: 'bench', args: () => ['bench', ...size, '--steps', '200', '--threads', '1'] },
    { name: 'doctor', args: () => ['doctor'] },
    { name: 'recipe', args: () => ['recipe', 'paper'] },
    // It would take minutes.
    { name: 'selftest', args: () => ['selftest', '--device', 'cpu'], again: async () => {} }
  ]

  async function prepared(out: string): Promise<void> {
    const again = await run(['prepare', photos, out, '--size', '48'])
    const whole = join(folder, 'prepared')
    if (!existsSync(whole)) await run(['prepare', photos, whole, '--size', '48'])
    const [now, then] = [out, whole].map((at) => readFileSync(join(at, 'dataset.json'), 'utf8'))
    if (again.code !== 0 && !/holds|exists/.test(again.err)) throw new Error(told(again))
    const shards = (text = '') => JSON.stringify(JSON.parse(text).train.shards)
    if (shards(now) !== shards(then)) throw new Error(`${out}: other shards than ${whole}`)
  }
}

/** 2 × 60 photographs of noise. */
async function photographs(folder: string): Promise<string> {
  const [width, height] = [160, 120]
  let state = 1
  const noise = Buffer.from(
    Uint8Array.from({ length: width * height * 3 }, () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      return state >>> 24
    })
  )
  for (const name of ['red', 'blue']) {
    mkdirSync(join(folder, name), { recursive: true })
    for (let i = 0; i < 60; i++) {
      noise.writeUInt16LE(i, name.length)
      const raw = { width, height, channels: 3 } as const
      const jpeg = await sharp(noise, { raw }).jpeg().toBuffer()
      writeFileSync(join(folder, name, `${i}.jpg`), jpeg)
    }
  }
  return folder
}
