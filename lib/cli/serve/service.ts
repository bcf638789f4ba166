/** Answers requests: pictures with their classes, and the pages beside. */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { PhotoError } from '../../data/photos/decode.ts'
import { Batcher } from '../../use/answering/batcher.ts'
import type { Classifier } from '../../use/answering/classifier.ts'
import { Limiter } from '../../use/answering/limiter.ts'
import { decodeInto, type PhotoFilesOptions, reasonOf } from '../../use/photo-files.ts'
import { ranked } from '../../use/scores.ts'
import { cut, foreign } from '../../util/foreign.ts'
import { type BodyLimits, checkHeaders, readPicture } from './body.ts'
import { HttpError } from './http-error.ts'
import { type Metrics, openMetrics } from './metrics.ts'
import { page, pageHeaders } from './page.ts'

export interface ServiceOptions extends BodyLimits {
  readonly classes: readonly string[]
  /** The form that pictures are brought to. */
  readonly form: PhotoFilesOptions
  /** Classes of an answer, unless the request says how many. */
  readonly top: number
  /** Most pictures that are accepted and not answered yet. */
  readonly queue: number
  /** Longest time in milliseconds that a picture waits for others. */
  readonly waitMs: number
  /** Pictures that are decoded at once. */
  readonly workers: number
  /** Is told what a picture failed with that is not the picture's fault. */
  readonly onError: (error: unknown) => void
}

interface Answer {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: string
}

const JSON_TYPE = 'application/json; charset=utf-8'
/** Seconds after which a client may try again. */
const RETRY = 1

export class Service {
  readonly #options: ServiceOptions
  readonly #pictureBytes: number
  readonly #batcher: Batcher
  readonly #decoding: Limiter
  readonly metrics: Metrics
  #accepted = 0
  #isEnding = false

  constructor(classifier: Classifier, options: ServiceOptions) {
    this.#options = options
    this.#pictureBytes = classifier.pictureBytes
    this.metrics = openMetrics(classifier.batch, () => this.#accepted)
    this.#decoding = new Limiter(options.workers)
    const onBatch = (pictures: number) => this.metrics.batches.observe(pictures)
    this.#batcher = new Batcher(classifier, { waitMs: options.waitMs, onBatch })
  }

  /** From now on new requests are refused; those that were accepted are answered. */
  end(): void {
    this.#isEnding = true
  }

  /** Answers one request. Never rejects. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, headers, body } = await this.#answer(request, response)
    this.metrics.requests.inc({ status })
    if (response.destroyed || response.headersSent) return
    response.writeHead(status, {
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-length': Buffer.byteLength(body),
      ...(this.#isEnding && { connection: 'close' }),
      ...headers
    })
    response.end(request.method === 'HEAD' ? undefined : body)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<Answer> {
    try {
      return await this.#route(request, response)
    } catch (error) {
      const known = error instanceof HttpError ? error : this.#failure(error)
      const body = JSON.stringify({ error: known.message })
      return {
        status: known.status,
        headers: { 'content-type': JSON_TYPE, ...known.headers },
        body: `${body}\n`
      }
    }
  }

  #failure(error: unknown): HttpError {
    if (error instanceof PhotoError) {
      return new HttpError(422, `expected a photograph, got one that ${reasonOf(error)}`)
    }
    // 499: the client has gone; nobody reads this, but it is counted.
    if (error instanceof ClientGone) return new HttpError(499, error.message)
    this.#options.onError(error)
    return new HttpError(500, 'the picture could not be classified')
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<Answer> {
    const { pathname, searchParams } = addressOf(request)
    if (pathname === '/predict') {
      allow(request, 'POST')
      return this.#classify(request, response, searchParams)
    }
    const get = {
      '/': async () => answer(page, 'text/html; charset=utf-8', pageHeaders),
      '/healthz': async () => this.#health(),
      '/metrics': async () => {
        const { registry } = this.metrics
        return answer(await registry.metrics(), registry.contentType)
      }
    }
    if (pathname !== '/' && pathname !== '/healthz' && pathname !== '/metrics') {
      const name = foreign(cut(pathname))
      throw new HttpError(404, `expected /, /predict, /healthz or /metrics, got '${name}'`)
    }
    allow(request, 'GET', 'HEAD')
    return get[pathname]()
  }

  #health(): Answer {
    if (this.#isEnding) throw new HttpError(503, 'the server is ending')
    if (this.#batcher.error !== undefined) throw new HttpError(503, 'the last batch failed')
    return answer('{"status":"ok"}\n', JSON_TYPE)
  }

  async #classify(
    request: IncomingMessage,
    response: ServerResponse,
    query: URLSearchParams
  ): Promise<Answer> {
    const { classes, form, queue, top } = this.#options
    if (this.#isEnding) throw new HttpError(503, 'the server is ending')
    const most = topOf(query, top)
    sameOrigin(request)
    checkHeaders(request, this.#options)
    if (this.#accepted >= queue) {
      const text = `expected at most ${queue} pictures at a time, got more: try again later`
      throw new HttpError(429, text, { 'retry-after': String(RETRY) })
    }
    this.#accepted++
    const seconds = this.metrics.latency.startTimer()
    const gone = new AbortController()
    const onClose = () => gone.abort(new ClientGone('the client has gone'))
    response.on('close', onClose)
    const { signal } = gone
    try {
      if (request.headers.expect !== undefined) response.writeContinue()
      const bytes = await readPicture(request, this.#options, signal)
      const picture = await this.#decoding.run(async () => {
        signal.throwIfAborted()
        const pixels = new Uint8Array(this.#pictureBytes)
        await decodeInto(bytes, pixels, form)
        return pixels
      })
      const probabilities = await this.#batcher.classify(picture, signal)
      const found = ranked(probabilities, most).map(({ label, probability }) => {
        return { class: classes[label] ?? String(label), probability }
      })
      return answer(`${JSON.stringify({ top: found })}\n`, JSON_TYPE)
    } finally {
      response.off('close', onClose)
      this.#accepted--
      seconds()
    }
  }
}

class ClientGone extends Error {}

function answer(body: string, type: string, headers: OutgoingHttpHeaders = {}): Answer {
  return { status: 200, headers: { 'content-type': type, ...headers }, body }
}

function addressOf({ url = '/' }: IncomingMessage): URL {
  try {
    return new URL(url, 'http://localhost')
  } catch {
    throw new HttpError(400, `expected a path, got '${foreign(cut(url))}'`)
  }
}

function allow({ method = '' }: IncomingMessage, ...methods: readonly string[]): void {
  if (methods.includes(method)) return
  const list = methods.join(', ')
  throw new HttpError(405, `expected ${list}, got ${foreign(cut(method))}`, { allow: list })
}

/** A page of another site that is open in a browser must not keep the server busy. */
function sameOrigin({ headers }: IncomingMessage): void {
  const { origin, host = '' } = headers
  if (origin === undefined || origin === `http://${host}` || origin === `https://${host}`) return
  throw new HttpError(403, `expected a request of this server's own page, got one of another site`)
}

/** How many classes a request asks for. */
function topOf(query: URLSearchParams, usual: number): number {
  for (const name of query.keys()) {
    if (name === 'top') continue
    throw new HttpError(400, `expected no parameter but top, got '${foreign(cut(name))}'`)
  }
  const text = query.get('top')
  if (text === null) return usual
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new HttpError(400, `top: expected a whole number from 1, got '${foreign(cut(text))}'`)
}
