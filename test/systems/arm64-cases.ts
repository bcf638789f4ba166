/** What is tried of alexnode on arm64, and what must hold there. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { counting, idx, writeSet } from '../idx-files.ts'
import { classFiles, writeFiles } from '../photo-files.ts'
import type { Arm64Root } from './arm64-root.ts'
import { ended } from './debian-root.ts'
import { root as clone } from './place.ts'
import type { Ended } from './scenario.ts'

/** A processor, as QEMU calls it, and as people do. */
interface Processor {
  readonly cpu: string
  readonly title: string
  /** What the doctor must say of it. */
  readonly isa: string
}

/** A server's without SVE, and one with vectors of 512 bits, for which oneDNN has code of its own. */
const neoverse: Processor = { cpu: 'neoverse-n1', title: 'Neoverse N1', isa: 'NEON' }
const wide: Processor = {
  cpu: 'max,sve512=on',
  title: 'with SVE of 512 bits',
  isa: 'SVE of 512 bits'
}

export interface Arm64Case {
  /** As one phrase: `resumes bit for bit`. */
  readonly what: string
  readonly on: Processor
  /** Does it. @returns what was seen. @throws Error where it does not hold */
  readonly run: (root: Arm64Root) => Promise<string>
}

const small = ['--net', 'cifar', '--steps', '6']
const alexnet = ['--net', 'alexnet', '--steps', '2', '--batch', '2'] // a step takes half a minute

export const arm64Cases: readonly Arm64Case[] = [
  ...[neoverse, wide].map((on) => ({ what: 'the doctor finds it ready', on, run: doctor(on) })),
  {
    what: 'losses are those of x86-64, to rounding',
    on: neoverse,
    run: (root) => compareLosses(root, neoverse, small)
  },
  {
    what: 'losses are those of x86-64, to rounding',
    on: wide,
    run: (root) => compareLosses(root, wide, small)
  },
  {
    what: 'losses of AlexNet are those of x86-64, to rounding',
    on: neoverse,
    run: (root) => compareLosses(root, neoverse, alexnet, ['1'])
  },
  { what: 'a run goes on bit for bit', on: neoverse, run: resumes },
  { what: 'a run that x86-64 began goes on', on: neoverse, run: movesOver },
  { what: 'photographs are prepared to the bytes of x86-64, and train', on: neoverse, run: photos },
  ...[neoverse, wide].map((on) => ({ what: 'the op table passes', on, run: opTable(on) }))
]

function doctor({ cpu, isa }: Processor): Arm64Case['run'] {
  return async (root) => {
    const { out } = await run(root, cpu, ['doctor', '--json'])
    const facts = JSON.parse(out)
    const { arch, libc } = facts.system
    expect('architecture', arch, 'arm64')
    expect('instructions', facts.cpu?.isa, isa)
    expect('verdict', facts.ready.cpu, true)
    return `${arch}, ${libc.name} ${libc.version}, oneDNN ${facts.cpu.onednn}, ${isa}`
  }
}

function opTable({ cpu }: Processor): Arm64Case['run'] {
  return async (root) => {
    const args = [program, 'selftest', '--no-nets', '--device', 'cpu', '--threads', '1', '--json']
    const { code, out, err } = await root.node(args, { cpu })
    const lines = objects(out)
    const last = lines.at(-1)
    if (!last?.final) throw new Error(`it ended with ${code} before its last line:\n${err}`)
    const failed = lines.filter(({ status }) => status === 'failed')
    if (failed.length > 0) {
      const told = failed.map(({ name, reasons }) => `${name}: ${reasons}`).slice(0, 20)
      throw new Error(`${failed.length} rows failed, of which\n${told.join('\n')}`)
    }
    if (!(Number(last.passed) > 1000)) throw new Error(`only ${last.passed} rows passed`)
    return `${last.passed} rows passed, ${last.skipped} skipped`
  }
}

const program = 'dist/lib/cli/main.js'

/** How far losses may be apart, as a fraction of them. */
const ROUNDING = 1e-4

/** The same run on x86-64 and on arm64, there by each of so many threads. */
async function compareLosses(
  root: Arm64Root,
  { cpu }: Processor,
  options: readonly string[],
  threads: readonly string[] = ['1', '2']
): Promise<string> {
  await makeImages(root)
  const expected = await trained(root, 'x64', options)
  const worst: number[] = []
  for (const number of threads) {
    worst.push(apart(await trained(root, cpu, [...options, '--threads', number]), expected))
  }
  const losses = expected.map((loss) => loss.toFixed(4)).join(' ')
  return `${options.join(' ')}: losses ${losses}, apart by ${tell(worst)}`
}

async function resumes(root: Arm64Root): Promise<string> {
  await makeImages(root)
  const options = ['--net', 'cifar', '--threads', '2']
  await trained(root, neoverse.cpu, [...options, '--steps', '6'])
  const whole = weights(root)
  await trained(root, neoverse.cpu, [...options, '--steps', '3'])
  await trained(root, neoverse.cpu, ['--steps', '6', '--resume'])
  expect('weights of 3 + 3 steps', weights(root), whole)
  return `weights of 3 + 3 steps are those of 6: SHA-256 ${whole.slice(0, 16)}…`
}

async function movesOver(root: Arm64Root): Promise<string> {
  await makeImages(root)
  const options = ['--net', 'cifar', '--threads', '2']
  const expected = await trained(root, 'x64', [...options, '--steps', '6'])
  await trained(root, 'x64', [...options, '--steps', '3'])
  const losses = await trained(root, neoverse.cpu, ['--steps', '6', '--resume'])
  return `3 steps on x86-64 and 3 here: apart by ${tell([apart(losses, expected)])}`
}

async function photos(root: Arm64Root): Promise<string> {
  const { cpu } = neoverse
  const folder = join(root.shared(), 'photos')
  rmSync(folder, { recursive: true, force: true })
  await writeFiles(join(folder, 'pictures'), await classFiles({ ant: 20, bee: 20 }))
  const prepare = (to: string) => {
    const sizes = ['--size', '32', '--store', 'jpeg']
    return ['prepare', join(folder, 'pictures'), join(folder, to), ...sizes]
  }
  await run(root, 'x64', prepare('x64'))
  await run(root, cpu, prepare('arm64'))
  const [expected, actual] = ['x64', 'arm64'].map((name) => hashes(join(folder, name)))
  expect('files', actual, expected)

  const data = join(folder, 'x64')
  const losses = await trained(root, 'x64', small, data)
  const worst = apart(await trained(root, cpu, small, data), losses)
  return `40 pictures, the same files; losses apart by ${tell([worst])}`
}

/** Names and hashes of all files in a folder, as one text. */
function hashes(folder: string): string {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  const whole = files.filter((file) => statSync(join(folder, file)).isFile())
  return whole.map((file) => `${file} ${hash(join(folder, file))}`).join('\n')
}

async function makeImages(root: Arm64Root): Promise<void> {
  const folder = root.shared()
  rmSync(join(folder, 'images'), { recursive: true, force: true })
  const pixels = (images: number, below: number) => counting(images * 784, below)
  await writeSet(join(folder, 'images'), {
    'train-images-idx3-ubyte': idx([64, 28, 28], pixels(64, 251)),
    'train-labels-idx1-ubyte': idx([64], counting(64, 10)),
    't10k-images-idx3-ubyte': idx([2, 28, 28], pixels(2, 241)),
    't10k-labels-idx1-ubyte': idx([2], counting(2, 10))
  })
}

/** Trains in the folder `run`, anew unless it is to go on. @returns the losses of its log, step by step */
async function trained(
  root: Arm64Root,
  cpu: string,
  options: readonly string[],
  data = join(root.shared(), 'images')
): Promise<number[]> {
  const goesOn = options.includes('--resume')
  const out = join(root.shared(), 'run')
  if (!goesOn) rmSync(out, { recursive: true, force: true })
  const fixed = ['--data', data, '--out', out, '--device', 'cpu', '--dtype', 'f32', '--json']
  const settings = goesOn ? [] : ['--batch', '8', '--lr', '0.01', '--seed', '3']
  await run(root, cpu, ['train', ...fixed, ...settings, ...options])
  return objects(readFileSync(join(out, 'log.jsonl'), 'utf8')).flatMap(({ step, loss }) =>
    typeof step === 'number' && typeof loss === 'number' ? [loss] : []
  )
}

/** Runs the command `alexnode` on this machine, or on an emulated processor. @throws where it fails */
async function run(root: Arm64Root, cpu: string, args: readonly string[]): Promise<Ended> {
  return good(
    cpu === 'x64'
      ? await ended(process.execPath, [join(clone, program), ...args])
      : await root.node([program, ...args], { cpu })
  )
}

const hash = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex')
const weights = (root: Arm64Root) => hash(join(root.shared(), 'run/weights.safetensors'))

/** @throws Error where losses are further apart than rounding makes them */
function apart(losses: readonly number[], expected: readonly number[]): number {
  expect('losses', losses.length, expected.length)
  if (losses.length === 0) throw new Error('expected losses in log.jsonl, got none')
  const worst = Math.max(...losses.map((loss, i) => Math.abs(loss / (expected[i] ?? 0) - 1)))
  if (worst <= ROUNDING) return worst
  throw new Error(`expected losses within ${ROUNDING} of ${expected}, got ${losses}`)
}

const tell = (worst: readonly number[]) => worst.map((error) => error.toExponential(1)).join(', ')

function expect(what: string, actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`${what}: expected ${expected}, got ${actual}`)
}

function good(run: Ended): Ended {
  if (run.code === 0) return run
  throw new Error(`it ended with ${run.code}:\n${`${run.out}\n${run.err}`.trim().slice(-3000)}`)
}

/** Lines of JSON. */
function objects(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
}
