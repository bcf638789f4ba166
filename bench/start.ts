/**
 * How long `npm start` takes from the command to the first line of training, in a clone that is set up: the
 * set-up that finds nothing to do, Node, the data, the net and its memory. The first step itself is left out.
 *
 * npm run bench:start -- [--rounds 5]
 *
 * Prints each figure's least, median and largest, and keeps them in bench/results/start.json.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { median } from '../lib/util/median.ts'
import { machineOf } from './machine.ts'
import { optionsOf, whole } from './options.ts'

const root = resolve(import.meta.dirname, '..')
const BATCH = 16
/** Seconds at most, as the project wants it. */
const marks = { setup: 0.3, start: 3 }

const { values } = optionsOf({ options: { rounds: { type: 'string', default: '5' } } })
const rounds = whole('rounds', values.rounds)

/** Seconds of a set-up with nothing to do. */
function setup(): number {
  const start = performance.now()
  execFileSync(process.execPath, ['scripts/setup.cjs'], { cwd: root, stdio: 'inherit' })
  return (performance.now() - start) / 1000
}

/** Seconds from `npm start` to its first line of training, and those of the step in it. */
async function start(folder: string): Promise<{ readonly line: number; readonly step: number }> {
  const began = performance.now()
  const options = ['--steps', '1', '--batch', `${BATCH}`, '--json', '--out', folder]
  const child = spawn('npm', ['start', '--silent', '--', ...options], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true // a group of its own, which ends as one
  })
  const first = await new Promise<string>((done, failed) => {
    let out = ''
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text
      if (out.includes('\n')) done(out)
    })
    child.on('error', failed)
    child.on('exit', (code) => failed(new Error(`[bench] npm start ended with ${code}:\n${said}`)))
  })
  const line = (performance.now() - began) / 1000
  child.removeAllListeners('exit')
  const runs = child.exitCode === null && child.signalCode === null
  if (runs && child.pid !== undefined) {
    const ended = once(child, 'exit')
    process.kill(-child.pid, 'SIGKILL')
    await ended
  }
  const { images_per_s } = JSON.parse(first.slice(0, first.indexOf('\n')))
  return { line, step: BATCH / images_per_s }
}

const folder = await mkdtemp(join(tmpdir(), 'alexnode-start-'))
try {
  setup() // what is not done yet is no part of the figures
  const figures: { setup: number[]; start: number[]; step: number[] } = {
    setup: [],
    start: [],
    step: []
  }
  for (let round = 0; round < rounds; round++) {
    figures.setup.push(setup())
    const { line, step } = await start(join(folder, `${round}`))
    figures.start.push(line - step)
    figures.step.push(step)
  }
  const seconds = Object.fromEntries(
    Object.entries(figures).map(([name, all]) => {
      const rounded = [Math.min(...all), median(all), Math.max(...all)].map((s) =>
        Number(s.toFixed(3))
      )
      return [name, { least: rounded[0], median: rounded[1], largest: rounded[2] }]
    })
  )
  console.table(seconds)
  for (const [name, mark] of Object.entries(marks)) {
    const { median = Number.NaN } = seconds[name] ?? {}
    console.log(
      `${name}: ${median} s in the median, ${median <= mark ? 'within' : 'ABOVE'} ${mark} s`
    )
  }
  const result = {
    date: new Date().toISOString().slice(0, 10),
    rounds,
    machine: await machineOf(2),
    seconds
  }
  await writeFile(join(root, 'bench/results/start.json'), `${JSON.stringify(result, null, 2)}\n`)
} finally {
  await rm(folder, { recursive: true, force: true })
}
