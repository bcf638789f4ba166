/**
 * How many pictures a second `alexnode serve` answers on loopback, and how long an answer takes, beside the same net
 * alone at the same batch (`bench --mode infer`).
 *
 * npm run bench:serve -- [--net alexnet] [--batch 16] [--seconds 10] [--clients 32] [--threads N] [--keep]
 *
 * Trains a net for one step, as weights do not matter here. Each client sends its next picture when it has its
 * answer. With --keep the figures go to bench/results/serve.json.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { picture } from '../test/photo-files.ts'
import { runProgram } from '../test/programs.ts'
import { Served } from '../test/serve-client.ts'
import { machineOf } from './machine.ts'
import { optionsOf, refuse, whole } from './options.ts'

const PROGRAM = 'lib/cli/main.ts'
const PICTURES = 16
/** What serving may cost, as the project wants it. */
const LEAST = 0.8

const text = (value: string) => ({ type: 'string', default: value }) as const
const { values } = optionsOf({
  options: {
    net: text('alexnet'),
    batch: text('16'),
    seconds: text('10'),
    clients: text('32'),
    threads: text(`${availableParallelism()}`),
    keep: { type: 'boolean', default: false }
  }
})
const { net, keep } = values
const batch = whole('batch', values.batch)
const seconds = whole('seconds', values.seconds)
const clients = whole('clients', values.clients)
const threads = whole('threads', values.threads)

const agent = new Agent({ keepAlive: true, maxSockets: clients })

/** Milliseconds that an answer took. */
function ask(url: URL, body: Buffer): Promise<number> {
  const start = performance.now()
  const headers = { 'content-type': 'image/jpeg', 'content-length': body.length }
  return new Promise((done, failed) => {
    const sent = request(url, { method: 'POST', agent, headers }, (answer) => {
      answer.on('error', failed).on('end', () => {
        if (answer.statusCode === 200) done(performance.now() - start)
        else failed(new Error(`[bench] expected status 200, got ${answer.statusCode}`))
      })
      answer.resume()
    })
    sent.on('error', failed).end(body)
  })
}

/** The times of all answers within some seconds. */
async function load(url: URL, bodies: readonly Buffer[], forSeconds: number) {
  const times: number[] = []
  const start = performance.now()
  const client = async (first: number) => {
    for (let i = first; performance.now() - start < forSeconds * 1000; i++) {
      times.push(await ask(url, bodies[i % bodies.length] ?? Buffer.of()))
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, i) => client(i)))
  const took = (performance.now() - start) / 1000
  return { times: times.sort((a, b) => a - b), perSecond: times.length / took }
}

/** Images a second of the net alone. */
async function alone(): Promise<number> {
  const size = ['--net', net, '--batch', `${batch}`, '--threads', `${threads}`]
  const { out, err, code } = await runProgram(PROGRAM, [
    ...['bench', '--mode', 'infer', '--json', '--dtype', 'f32'],
    ...size
  ])
  if (code !== 0) refuse(err)
  const { images_per_s } = JSON.parse(out)
  const perSecond = typeof images_per_s === 'number' ? images_per_s : images_per_s?.median
  return typeof perSecond === 'number' ? perSecond : refuse(`expected images_per_s, got ${out}`)
}

const folder = await mkdtemp(join(tmpdir(), 'alexnode-serve-'))
try {
  const run = join(folder, 'run')
  const data = ['--data', 'shapes', '--net', net, '--batch', '8', '--steps', '1', '--no-test']
  const trained = await runProgram(PROGRAM, ['train', ...data, '--out', run])
  if (trained.code !== 0) refuse(trained.err)
  const bodies = await Promise.all(
    Array.from({ length: PICTURES }, (_, i) => picture(i, { width: 256, height: 256 }))
  )
  const before = await alone()
  const options = ['--batch', `${batch}`, '--threads', `${threads}`, '--dtype', 'f32']
  const served = await Served.start(run, ...options)
  const url = new URL('predict', served.url)
  await load(url, bodies, 1)
  const { times, perSecond } = await load(url, bodies, seconds)
  const batches = await served.metric('alexnode_batch_pictures_count')
  const pictures = await served.metric('alexnode_batch_pictures_sum')
  agent.destroy()
  const { code, err } = await served.end()
  if (code !== 0) refuse(err)
  const net_alone = Math.max(before, await alone())
  const at = (part: number) => times[Math.min(times.length - 1, Math.floor(times.length * part))]
  const figures = {
    net,
    batch,
    clients,
    answers: times.length,
    pictures_per_s: perSecond,
    net_alone_per_s: net_alone,
    share: perSecond / net_alone,
    pictures_per_batch: pictures / batches,
    ms: { p50: at(0.5), p99: at(0.99), most: times.at(-1) }
  }
  console.log(JSON.stringify(figures, undefined, 2))
  if (figures.share < LEAST) console.log(`expected a share of ${LEAST} or more`)
  if (keep) {
    const result = { machine: await machineOf(threads), ...figures }
    const file = resolve(import.meta.dirname, 'results/serve.json')
    await writeFile(file, `${JSON.stringify(result, undefined, 2)}\n`)
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
