import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createSocketServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  DownloadError,
  type DownloadOptions,
  type DownloadProgress,
  download,
  OfflineError
} from '../lib/data/download/download.ts'
import { failure } from './failure.ts'

const body = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * i) % 251))
const md5 = createHash('md5').update(body).digest('hex')
/** A port where nothing listens. */
const CLOSED = 'http://127.0.0.1:1/file'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** A server on this machine; returns its address and what was asked of it. */
async function serve(t: Test, handler: Handler) {
  const ranges: (string | undefined)[] = []
  const server = createServer((request, response) => {
    ranges.push(request.headers.range)
    handler(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  const { port } = address(server.address())
  const host = `127.0.0.1:${port}`
  return { host, url: `http://${host}/file`, ranges }
}

function address(value: AddressInfo | string | null): AddressInfo {
  if (value === null || typeof value === 'string') throw new Error('no address')
  return value
}

/** Serves `content` with ranges, as a good server does. */
function good(content = body): Handler {
  return (request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    if (from >= content.length) {
      response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end()
    } else if (from > 0) {
      const range = `bytes ${from}-${content.length - 1}/${content.length}`
      response
        .writeHead(206, { 'content-range': range, 'content-length': content.length - from })
        .end(content.subarray(from))
    } else response.writeHead(200, { 'content-length': content.length }).end(content)
  }
}

/** Sends `count` bytes from where the request wants them, and breaks the connection when they have come. */
function breaking(count: number) {
  let end = 0
  let sending: ServerResponse | undefined
  const handler: Handler = (request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    end = Math.min(from + count, body.length)
    sending = response
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': body.length - from,
      ...(from > 0 && { 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` })
    })
    response.write(body.subarray(from, end))
  }
  const onProgress = ({ received }: DownloadProgress) => {
    if (received === end) sending?.destroy()
  }
  return { handler, onProgress }
}

const status =
  (code: number): Handler =>
  (_, response) => {
    response.writeHead(code).end('sorry')
  }

function place(t: Test) {
  const path = join(t.testdir(), 'deep', 'file')
  return { path, part: `${path}.part`, folder: join(t.testdirName, 'deep') }
}

function half(t: Test, content: Buffer) {
  const folder = t.testdir({ 'file.part': content })
  return { path: join(folder, 'file'), part: join(folder, 'file.part') }
}

async function run(options: Omit<DownloadOptions, 'md5'> & { md5?: string }) {
  const notices: string[] = []
  const progress: DownloadProgress[] = []
  const url = await download({
    md5,
    onNotice: (text) => notices.push(text),
    onProgress: (step) => progress.push(step),
    ...options
  })
  return { url, notices, progress }
}

t.test('a file is fetched, verified and renamed', async (t) => {
  const server = await serve(t, good())
  const { path, part } = place(t)
  const { url, notices, progress } = await run({ urls: [server.url], path })
  t.equal(url, server.url)
  t.same(readFileSync(path), body)
  t.notOk(existsSync(part))
  t.same(notices, [])
  t.same(server.ranges, [undefined])
  t.same(progress.at(-1), { file: 'file', url, received: body.length, total: body.length })
})

t.test('what came earlier is not fetched again', async (t) => {
  const server = await serve(t, good())
  const { path, part } = half(t, body.subarray(0, 150_000))
  const { progress } = await run({ urls: [server.url], path })
  t.same(server.ranges, ['bytes=150000-'])
  t.same(readFileSync(path), body)
  t.notOk(existsSync(part))
  t.ok(progress[0]!.received > 150_000)
  t.match(progress.at(-1), { received: body.length, total: body.length })
})

t.test('a whole part needs no more than the answer that nothing is left', async (t) => {
  const server = await serve(t, good())
  const { path } = half(t, body)
  await run({ urls: [server.url], path })
  t.same(server.ranges, ['bytes=200000-'])
  t.same(readFileSync(path), body)
})

t.test('a server without ranges starts again', async (t) => {
  const server = await serve(t, (_, response) => {
    response.writeHead(200).end(body)
  })
  const { path } = half(t, body.subarray(0, 1000))
  const { progress } = await run({ urls: [server.url], path })
  t.same(readFileSync(path), body)
  t.equal(progress.at(-1)!.total, undefined, 'no length, no total')
})

t.test('a broken connection is taken up again where it broke', async (t) => {
  const { handler, onProgress } = breaking(80_000)
  const server = await serve(t, handler)
  const { path } = place(t)
  const { notices } = await run({ urls: [server.url], path, onProgress })
  t.same(server.ranges, [undefined, 'bytes=80000-', 'bytes=160000-'])
  t.same(readFileSync(path), body)
  t.equal(notices.length, 2)
  t.match(notices[0], `[download] file:\n  ${server.host}\n    connection broken`)
})

t.test('the next mirror goes on where the first one broke', async (t) => {
  let asked = 0
  const { handler, onProgress } = breaking(50_000)
  const first = await serve(t, (request, response) => {
    if (asked++ === 0) handler(request, response)
    else status(503)(request, response)
  })
  const second = await serve(t, good())
  const { path } = place(t)
  const { url, notices } = await run({ urls: [first.url, second.url], path, onProgress })
  t.equal(url, second.url)
  t.same(second.ranges, ['bytes=50000-'])
  t.same(readFileSync(path), body)
  t.match(notices.at(-1), 'HTTP status 503')
})

t.test(
  'a part that does not verify is deleted, and said; then once more from the start',
  async (t) => {
    const server = await serve(t, good())
    const { path } = half(t, Buffer.alloc(1000, 7))
    const { notices } = await run({ urls: [server.url], path })
    t.same(server.ranges, ['bytes=1000-', undefined])
    t.same(readFileSync(path), body)
    const mixed = Buffer.from(body)
    mixed.fill(7, 0, 1000)
    const got = createHash('md5').update(mixed).digest('hex')
    t.same(notices, [
      `[download] file:\n  ${server.host}\n    expected MD5 ${md5},\n    got ${got};` +
        ' deleted what had come'
    ])
  }
)

t.test('a part that is longer than the file is deleted, too', async (t) => {
  const server = await serve(t, good())
  const { path } = half(t, Buffer.concat([body, body]))
  await run({ urls: [server.url], path })
  t.same(server.ranges, ['bytes=400000-', undefined])
  t.same(readFileSync(path), body)
})

t.test('a mirror with a wrong file is passed over', async (t) => {
  const wrong = await serve(t, good(Buffer.from('<p>Please log in')))
  const right = await serve(t, good())
  const { path } = place(t)
  const { url, notices } = await run({ urls: [wrong.url, right.url], path })
  t.equal(url, right.url)
  t.same(wrong.ranges, [undefined], 'asked once')
  t.same(right.ranges, [undefined], 'and nothing of it was kept')
  t.match(notices, [/deleted what had come/])
})

t.test('no mirror with the right file', async (t) => {
  const wrong = await serve(t, good(Buffer.from('wrong')))
  const gone = await serve(t, status(404))
  const { path, part, folder } = place(t)
  const got = createHash('md5').update('wrong').digest('hex')
  await t.rejects(
    run({ urls: [wrong.url, gone.url], path }),
    new DownloadError(
      '[download] expected file from one of 2 mirrors, got\n' +
        `  ${wrong.host}\n    expected MD5 ${md5},\n    got ${got}; deleted what had come\n` +
        `  ${gone.host}\n    HTTP status 404\n` +
        `try again later, or put the file into\n${folder}`
    )
  )
  t.notOk(existsSync(path))
  t.notOk(existsSync(part))
})

t.test('redirects are followed, to a point', async (t) => {
  const target = await serve(t, good())
  const server = await serve(t, (request, response) => {
    const left = Number(new URL(request.url ?? '', 'http://x').searchParams.get('left') ?? 0)
    const location = left > 0 ? `/again?left=${left - 1}` : target.url
    response.writeHead(302, { location }).end('elsewhere')
  })
  const { path } = half(t, body.subarray(0, 10))
  await run({ urls: [`${server.url}?left=4`], path })
  t.same(readFileSync(path), body)
  t.same(target.ranges, ['bytes=10-'], 'the range goes along')
  await t.rejects(run({ urls: [`${server.url}?left=9`], path: place(t).path }), {
    name: 'OfflineError',
    message: /more than 5 redirects/
  })
})

t.test('odd answers are not taken for the file', async (t) => {
  const { path, part } = half(t, body.subarray(0, 10))
  const odd: readonly (readonly [Handler, RegExp])[] = [
    [
      (_, response) => response.writeHead(206, { 'content-range': 'bytes 5-9/10' }).end('12345'),
      /expected the bytes from 10, got bytes 5-9\/10/
    ],
    [(_, response) => response.writeHead(206).end('x'), /got no content-range/],
    [status(302), /HTTP status 302/],
    [status(500), /HTTP status 500/]
  ]
  for (const [handler, message] of odd) {
    const server = await serve(t, handler)
    await t.rejects(run({ urls: [server.url], path }), { name: 'DownloadError', message })
    t.same(readFileSync(part), body.subarray(0, 10), 'the part stays as it was')
  }
})

t.test('content that is gzipped stays so', async (t) => {
  const server = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': body.length }).end(body)
  })
  const { path } = place(t)
  await run({ urls: [server.url], path })
  t.same(readFileSync(path), body)
})

t.test('no network: connection refused, name unknown', async (t) => {
  const { path } = place(t)
  const begin = performance.now()
  const error: unknown = await run({
    urls: [CLOSED, 'http://nowhere.invalid/file'],
    path
  }).catch((error: unknown) => error)
  if (!(error instanceof OfflineError)) throw error
  const lines = error.message.split('\n')
  t.same(lines.slice(0, 4), [
    '[download] no network: no mirror answered for file',
    '  127.0.0.1:1',
    '    connection refused',
    '  nowhere.invalid'
  ])
  t.match(lines[4], /^ {4}(name not found|no answer)/)
  // What is over the 4.5 seconds is a busy machine's.
  t.ok(performance.now() - begin < 15_000, 'said within seconds')
})

t.test('no network: connections that are never answered', async (t) => {
  const silent = createSocketServer((socket) => socket.on('error', () => {}))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => silent.close())
  const host = `127.0.0.1:${address(silent.address()).port}`
  const { path } = place(t)
  const begin = performance.now()
  const error = await failure(run({ urls: [`http://${host}/a`, `https://${host}/b`], path }))
  const took = performance.now() - begin
  if (!(error instanceof OfflineError)) throw error
  const waits = [...error.message.matchAll(/no answer within (\d\.\d) s/g)].map(([, s]) =>
    Number(s)
  )
  const [first = 0, second = 0, ...more] = waits
  t.same(more, [])
  t.ok(first > 1 && first <= 2.3, `half of 4.5 seconds, less what came before: ${first}`)
  t.ok(second > 0 && second <= 2.3, `and what is left: ${second}`)
  t.ok(took > 1000 * (first + second) - 200 && took < 15_000, `said after ${took} ms`)
})

t.test('a mirror that stops sending is given up', async (t) => {
  const slow = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': body.length })
    response.write(body.subarray(0, 1000))
  })
  const fast = await serve(t, good())
  const { path } = place(t)
  const { url, notices } = await run({ urls: [slow.url, fast.url], path, stallAfter: 1000 })
  t.equal(url, fast.url)
  t.match(notices[0], 'no more data within 1.0 s')
  t.match(fast.ranges[0], /^bytes=1000-$/)
  t.same(readFileSync(path), body)
})

t.test('an aborted download stops at once and keeps what has come', async (t) => {
  const server = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': body.length })
    response.write(body.subarray(0, 70_000))
  })
  const { path, part } = place(t)
  const stop = new AbortController()
  const reason = new Error('the user has had enough')
  await t.rejects(
    run({
      urls: [server.url, CLOSED],
      path,
      signal: stop.signal,
      onProgress: ({ received }) => {
        if (received === 70_000) stop.abort(reason)
      }
    }),
    reason
  )
  t.same(readFileSync(part), body.subarray(0, 70_000))
  await t.rejects(run({ urls: [server.url], path, signal: stop.signal }), reason)
  t.equal(server.ranges.length, 1, 'not asked again')

  const { url } = await serve(t, good())
  await run({ urls: [url], path })
  t.same(readFileSync(path), body, 'and the next one goes on from there')
})

t.test('a request waiting for its answer can be aborted, too', async (t) => {
  const server = await serve(t, () => {})
  const begin = performance.now()
  await t.rejects(
    run({ urls: [server.url], path: place(t).path, signal: AbortSignal.timeout(100) }),
    { name: 'TimeoutError' }
  )
  t.ok(performance.now() - begin < 4000)
})

t.test('a folder that cannot be written', async (t) => {
  const server = await serve(t, good())
  const folder = t.testdir({ file: 'not a folder' })
  const path = join(folder, 'file', 'deep', 'file')
  await t.rejects(run({ urls: [server.url], path }), {
    name: 'DownloadError',
    message:
      `[download] expected to write ${path}, got ENOTDIR: not a directory, mkdir` +
      ` '${join(folder, 'file', 'deep')}'; make room or choose another cache folder (XDG_CACHE_HOME)`
  })
  t.same(server.ranges, [], 'before anything is asked for')

  const taken = join(t.testdir({ 'taken.part': {} }), 'taken')
  await t.rejects(run({ urls: [server.url, CLOSED], path: taken }), {
    name: 'DownloadError',
    message: /expected to write .*taken\.part, got EISDIR/
  })
})

t.test('an address that is none', async (t) => {
  for (const url of ['ftp://127.0.0.1/file', 'nonsense']) {
    await t.rejects(run({ urls: [url], path: place(t).path }), { name: 'OfflineError' })
  }
})

t.test('two downloads of one file do each other no harm', async (t) => {
  const server = await serve(t, (request, response) => {
    setTimeout(() => good()(request, response), Math.random() * 50)
  })
  const { path, part } = place(t)
  await Promise.all(Array.from({ length: 4 }, () => run({ urls: [server.url], path })))
  t.same(readFileSync(path), body)
  t.notOk(existsSync(part))
})

t.test('a file that is there already is replaced whole', async (t) => {
  const server = await serve(t, good())
  const folder = t.testdir()
  const path = join(folder, 'file')
  writeFileSync(path, 'old')
  await run({ urls: [server.url], path })
  t.same(readFileSync(path), body)
})
