// The server as a process: what it answers, refuses, and how it ends.
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { open } from '../lib/engine/device.ts'
import { picture } from './photo-files.ts'
import { objects, runProgram, widest } from './programs.ts'
import { form, raw, Served } from './serve-client.ts'
import { trainedRun } from './trained-run.ts'

const program = 'lib/cli/main.ts'
const dir = t.testdir()
const run = join(dir, 'run')
const files = join(dir, 'pictures')
const kinds = ['jpeg', 'png', 'webp'] as const
const pictures = await Promise.all(
  Array.from({ length: 9 }, (_, i) => picture(i, { kind: kinds[i % 3] ?? 'jpeg' }))
)
const first = pictures[0] ?? Buffer.of()
await prepare()
async function prepare() {
  await using device = await open('cpu', { threads: 1 })
  await trainedRun(device, run)
  mkdirSync(files)
  for (const [i, bytes] of pictures.entries()) writeFileSync(join(files, `${i}.jpg`), bytes)
}

interface Top {
  readonly class: string
  readonly probability: number
}
/** What `alexnode predict` says of each picture alone: the last bit depends on the size of the batch. */
const predicted = await (async () => {
  const paths = pictures.map((_, i) => join(files, `${i}.jpg`))
  const args = ['predict', run, ...paths, '--json', '--threads', '1', '--batch', '1']
  const { out, err, code } = await runProgram(program, args)
  if (code !== 0) throw new Error(err)
  const [{ predictions } = {}] = objects(out)
  return (predictions as { top: readonly Top[] }[]).map(({ top }) => top)
})()

const served = await Served.start(run, '--queue', '16', '--max-mb', '1', '--timeout', '1')
t.teardown(() => served.running.process.kill('SIGKILL'))

const topOf = async (response: Promise<Response>): Promise<readonly Top[]> => {
  const { top } = (await (await response).json()) as { top: readonly Top[] }
  return top
}

t.test('answers as predict does', async (t) => {
  for (const [i, bytes] of pictures.entries()) {
    const type = `image/${kinds[i % 3]}`
    t.strictSame(await topOf(served.post(bytes, type)), predicted[i], `${i}, raw`)
  }
  t.strictSame(await topOf(served.post(form(first))), predicted[0], 'multipart')
  const two = await topOf(served.post(first, 'application/octet-stream', 'predict?top=2'))
  t.strictSame(two, predicted[0]?.slice(0, 2))
})

t.test('joins what comes together', async (t) => {
  const batches = await served.metric('alexnode_batch_pictures_count')
  const all = await Promise.all(pictures.map((bytes) => topOf(served.post(bytes, 'image/png'))))
  same(t, all)
  const more = (await served.metric('alexnode_batch_pictures_count')) - batches
  t.ok(more < pictures.length, `${more} batches for ${pictures.length} pictures`)
  t.equal(await served.metric('alexnode_queue_length'), 0)
})

t.test('refuses what is no picture', async (t) => {
  const cases: readonly [number, RegExp, Promise<Response>][] = [
    [415, /addresses are not fetched/, served.post('["http://a/b.jpg"]', 'application/json')],
    [415, /got a text/, served.post('http://a/b.jpg', 'application/octet-stream')],
    [415, /got a text/, served.post('["http://a/b.jpg"]', 'image/jpeg')],
    [415, /urlencoded/, served.post('url=http://a/b.jpg', 'application/x-www-form-urlencoded')],
    [415, /a field of a form/, served.post(fields({ url: 'http://a/b.jpg' }))],
    [400, /with a boundary/, served.post('x', 'multipart/form-data')],
    [400, /whole body/, served.post('--x\r\nnothing', 'multipart/form-data; boundary=x')],
    [400, /several/, served.post(twoFiles())],
    [400, /no parameter but top/, served.post(first, 'image/jpeg', 'predict?url=http://a')],
    [400, /top: expected/, served.post(first, 'image/jpeg', 'predict?top=0')],
    [413, /at most 1000000 bytes/, served.post(new Uint8Array(1_000_001), 'image/jpeg')],
    [413, /at most 1000000 bytes/, served.post(form(new Uint8Array(1_000_001)))],
    [422, /is empty/, served.post('', 'image/jpeg')],
    [422, /is a GIF/, served.post('GIF89a', 'image/png')],
    [422, /truncated or damaged/, served.post(first.subarray(0, 400), 'image/jpeg')],
    [404, /expected \/, /, fetch(new URL('predictions', served.url))],
    [405, /expected POST, got GET/, fetch(new URL('predict', served.url))],
    [405, /expected GET, HEAD, got POST/, served.post(first, 'image/jpeg', '/')]
  ]
  for (const [status, error, asked] of cases) {
    const response = await asked
    t.equal(response.status, status, String(error))
    t.match(await response.json(), { error })
  }
  const foreign = { origin: 'http://elsewhere.example', 'content-type': 'image/jpeg' }
  const post = { method: 'POST', body: new Uint8Array(first), headers: foreign }
  t.equal((await fetch(new URL('predict', served.url), post)).status, 403)
})

t.test('tells the reason that predict tells', async (t) => {
  const file = join(dir, 'cut.jpg')
  writeFileSync(file, first.subarray(0, 500))
  const { err } = await runProgram(program, ['predict', run, file, '--threads', '1'])
  const response = await served.post(first.subarray(0, 500), 'image/jpeg')
  const { error } = (await response.json()) as { error: string }
  t.equal(err.replaceAll(/\s+/g, ' ').trim(), `${file}: ${error}`.trim())
})

t.test('slow bodies, slow headers, long headers', async (t) => {
  const head = 'POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: image/jpeg\r\n'
  const [body, headers, long, chunked] = await Promise.all([
    raw(served.port, `${head}Content-Length: 100\r\n\r\nabc`),
    raw(served.port, head),
    raw(served.port, `${head}X: ${'x'.repeat(20_000)}\r\n\r\n`),
    raw(served.port, `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n`)
  ])
  t.match(body, /^HTTP\/1\.1 408 .*within 1 s, got 3 bytes/s)
  t.match(headers, /^HTTP\/1\.1 408 /)
  t.match(long, /^HTTP\/1\.1 431 /)
  t.match(chunked, /^HTTP\/1\.1 400 /)
  t.equal(await served.metric('alexnode_queue_length'), 0)
})

t.test('clients that ask before they send', async (t) => {
  const head = 'POST /predict HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\n'
  const [large, small] = await Promise.all([
    raw(served.port, `${head}Content-Length: 1000001\r\n\r\n`),
    raw(served.port, `${head}Content-Length: 6\r\n\r\nGIF89a`)
  ])
  t.match(large, /^HTTP\/1\.1 413 /, 'the body is not asked for')
  t.match(small, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 422 /)
})

t.test('a queue that is full', async (t) => {
  const head = 'POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: image/jpeg\r\n'
  const slow = Array.from({ length: 16 }, () => {
    const socket = connect(served.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(`${head}Content-Length: 100\r\n\r\nabc`)
    return socket
  })
  while ((await served.metric('alexnode_queue_length')) < 16) await wait(5)
  const response = await served.post(first, 'image/jpeg')
  t.equal(response.status, 429)
  t.equal(response.headers.get('retry-after'), '1')
  t.match(await response.json(), { error: /at most 16 pictures/ })
  for (const socket of slow) socket.destroy()
  while ((await served.metric('alexnode_queue_length')) > 0) await wait(5)
  t.equal((await served.post(first, 'image/jpeg')).status, 200, 'those who have gone hold nothing')
})

t.test('page, health and metrics', async (t) => {
  const page = await fetch(served.url)
  const { headers } = page
  t.equal(headers.get('x-content-type-options'), 'nosniff')
  t.match(headers.get('content-security-policy'), /^default-src 'none'; script-src 'sha256-/)
  const text = await page.text()
  t.notMatch(text, /https?:|innerHTML| on\w+="/, 'nothing outside, no markup from names')
  t.match(text, /color-scheme: light dark/)
  const health = await fetch(new URL('healthz', served.url))
  t.strictSame([health.status, await health.json()], [200, { status: 'ok' }])
  const metrics = await fetch(new URL('metrics', served.url))
  t.match(metrics.headers.get('content-type'), /^text\/plain; version=0\.0\.4/)
  const lines = await metrics.text()
  for (const status of [200, 408, 413, 415, 422, 429, 431]) {
    t.match(lines, new RegExp(`^alexnode_requests_total\\{status="${status}"\\} [1-9]`, 'm'))
  }
  t.match(lines, /^alexnode_request_seconds_bucket\{le="\+Inf"\} \d+$/m)
})

t.test('SIGTERM under load', async (t) => {
  const other = await Served.start(run, '--wait', '300')
  const asked = pictures.map((bytes) => topOf(other.post(bytes, 'image/png')))
  while ((await other.metric('alexnode_queue_length')) < pictures.length) await wait(2)
  const idle = connect(other.port, '127.0.0.1')
  idle.on('error', () => {})
  const ended = other.end()
  same(t, await Promise.all(asked))
  t.match(await ended, { code: 0, signal: null, err: '' })
  await t.rejects(fetch(other.url), 'nothing listens')
})

t.test('command line', async (t) => {
  const serve = (...args: string[]) => runProgram(program, ['serve', ...args])
  t.match(await serve(), { code: 2, err: /missing required argument 'run'/ })
  t.match(await serve(run, '--port', '70000'), { code: 2, err: /from 0 to 65535/ })
  t.match(await serve(join(files, '0.jpg')), { code: 2, err: /expected a run's folder/ })
  t.match(await serve(run, '--port', `${served.port}`), { code: 1, err: /EADDRINUSE/ })
  const { out } = await serve('--help')
  t.ok(widest(out) <= 80, out)
  const open = await Served.start(join(run, 'weights.safetensors'), '--host', '0.0.0.0')
  t.match(await open.end(), { code: 0, err: /Whoever reaches 0\.0\.0\.0/ })
})

t.test('ends with 0', async (t) => t.match(await served.end(), { code: 0, err: '' }))

/** All answers are those of predict, but for the last bits. */
function same(t: Test, all: readonly (readonly Top[])[]): void {
  for (const [i, top] of all.entries()) {
    const expected = predicted[i] ?? []
    t.strictSame(
      top.map((one) => one.class),
      expected.map((one) => one.class)
    )
    const off = top.map((one, k) => Math.abs(one.probability - (expected[k]?.probability ?? 0)))
    t.ok(Math.max(...off) < 1e-6, `${i}: ${Math.max(...off)}`)
  }
}

function fields(values: Readonly<Record<string, string>>): FormData {
  const made = new FormData()
  for (const [name, value] of Object.entries(values)) made.append(name, value)
  return made
}

function twoFiles(): FormData {
  const made = form(first)
  made.append('other', new Blob([new Uint8Array(first)]), 'dog.jpg')
  return made
}
