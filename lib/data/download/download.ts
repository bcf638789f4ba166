/**
 * Downloads a file and verifies its MD5. Mirrors are tried in order. Bytes go to `<path>.part`, which a later
 * attempt continues and the last one renames.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { constants, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { flushAll } from '../../util/files/flush.ts'
import { DownloadError, OfflineError, WriteError } from './errors.ts'
import { request } from './http.ts'

export { DownloadError, OfflineError } from './errors.ts'

/** Progress of a download. */
export interface DownloadProgress {
  /** Name of the file. */
  readonly file: string
  /** Address that serves it. */
  readonly url: string
  /** Bytes received, earlier attempts included. */
  readonly received: number
  /** Bytes of the whole file, if the server tells. */
  readonly total?: number
}

/** Options of `download`. */
export interface DownloadOptions {
  /** Addresses of the file, http or https, tried in order. */
  readonly urls: readonly string[]
  /** Path of the file. Its folder is made. */
  readonly path: string
  /** MD5 of the file, in hexadecimal. */
  readonly md5: string
  /** Aborts the download. The part that arrived stays for the next attempt. */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined
  /** Called with notices for people: a part that was deleted, a mirror that failed. */
  readonly onNotice?: ((text: string) => void) | undefined
  /** Milliseconds without an answer, of all mirrors together, that mean: no network. Default 4500. */
  readonly offlineAfter?: number | undefined
  /** Milliseconds without a byte that mean: this mirror failed. Default 20,000. */
  readonly stallAfter?: number | undefined
}

/** Attempts at one mirror, as long as each adds bytes. */
const ATTEMPTS = 4

/**
 * Downloads a file and verifies it.
 *
 * @returns the URL that served it
 * @throws OfflineError if no mirror answers
 * @throws DownloadError if none serves the right file, or it cannot be written
 * @throws the signal's reason if aborted
 *
 * @example
 * await download({ urls: ['https://example.org/a.gz'], path: '/data/a.gz', md5: '8d4f…' })
 */
export async function download(options: DownloadOptions): Promise<string> {
  const { urls, path, md5, signal, onNotice, offlineAfter = 4500, stallAfter = 20_000 } = options
  const part = `${path}.part`
  const deadline = performance.now() + offlineAfter
  const failures: string[] = []
  let answered = false
  const report = (url: string, text: string) => {
    const failure = `  ${hostOf(url)}\n    ${text}`
    failures.push(failure)
    if (answered) onNotice?.(`[download] ${basename(path)}:\n${failure}`)
  }

  await writing(path, () => mkdir(dirname(path), { recursive: true }))
  for (const [k, url] of urls.entries()) {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      signal?.throwIfAborted()
      const offset = await sizeOf(part)
      try {
        // Until a mirror has answered, the remaining ones share the remaining time.
        const patience = answered
          ? stallAfter
          : Math.max(0, deadline - performance.now()) / (urls.length - k)
        await fetchPart({ ...options, stallAfter }, part, url, offset, patience, () => {
          answered = true
        })
        const got = await verify(part, path, md5)
        if (got === md5) return url
        await rm(part, { force: true })
        report(url, `expected MD5 ${md5},\n    got ${got}; deleted what had come`)
        // The part of an earlier attempt may be wrong: try once more from the start.
        if (offset === 0) break
      } catch (error) {
        signal?.throwIfAborted()
        if (error instanceof WriteError) throw new DownloadError(error.message, { cause: error })
        report(url, reason(error))
        if ((await sizeOf(part)) <= offset) break
      }
    }
  }
  const name = basename(path)
  const tried = failures.join('\n')
  if (!answered) {
    throw new OfflineError(`[download] no network: no mirror answered for ${name}\n${tried}`)
  }
  throw new DownloadError(
    `[download] expected ${name} from one of ${urls.length} mirrors, got\n${tried}\n` +
      `try again later, or put the file into\n${dirname(path)}`
  )
}

/** One request. It continues at `offset` if the server supports that, else starts again. */
async function fetchPart(
  options: DownloadOptions & { readonly stallAfter: number },
  part: string,
  url: string,
  offset: number,
  patience: number,
  onAnswer: () => void
): Promise<void> {
  const { signal, stallAfter, onProgress, path } = options
  const headers = offset > 0 ? { range: `bytes=${offset}-` } : {}
  const response = await request(url, { headers, signal, patience, stallAfter })
  onAnswer()
  try {
    const { statusCode = 0 } = response
    if (statusCode === 416) {
      // Nothing follows `offset`: the part may be complete. The hash decides.
      return
    }
    if (statusCode !== 200 && statusCode !== 206) throw new Error(`HTTP status ${statusCode}`)
    const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers['content-range'] ?? '')
    if (statusCode === 206 && Number(range?.[1]) !== offset) {
      throw new Error(`expected the bytes from ${offset}, got ${range?.[0] ?? 'no content-range'}`)
    }
    let at = statusCode === 206 ? offset : 0
    const length = response.headers['content-length']
    const total = length === undefined ? undefined : at + Number(length)
    const file = await writing(part, () => open(part, constants.O_RDWR | constants.O_CREAT, 0o644))
    try {
      // The server starts again. If it stops early, the next attempt continues after the last byte: no bytes of
      // the old part may be left there.
      if (at < offset) await writing(part, () => file.truncate(0))
      for await (const chunk of response.body) {
        await writing(part, () => file.write(chunk, 0, chunk.length, at))
        at += chunk.length
        onProgress?.({
          file: basename(path),
          url,
          received: at,
          ...(total !== undefined && { total })
        })
      }
      await writing(part, () => flushAll(file))
    } finally {
      await file.close()
    }
  } finally {
    response.close()
  }
}

/** Renames the part if its MD5 is right. Returns the MD5. */
async function verify(part: string, path: string, md5: string): Promise<string> {
  try {
    const got = await hashOf(part)
    if (got === md5) await rename(part, path)
    return got
  } catch (error) {
    // Another process downloaded the same file into the same part and finished first.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return writing(path, () => hashOf(path))
    }
    throw new WriteError(writeFailure(path, error), { cause: error })
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch {
    return 0
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('md5')
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk)
  return hash.digest('hex')
}

/** Runs a file operation; a failure becomes a WriteError. */
async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw new WriteError(writeFailure(path, error), { cause: error })
  }
}

function writeFailure(path: string, error: unknown): string {
  return (
    `[download] expected to write ${path}, got ${reason(error)};` +
    ' make room or choose another cache folder (XDG_CACHE_HOME)'
  )
}

const MEANINGS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'name not found',
  EAI_AGAIN: 'no answer from a name server',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection broken',
  ENETUNREACH: 'network out of reach',
  EHOSTUNREACH: 'host out of reach'
}

/** An error in a few words. Node's message is empty if several addresses were tried. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? String(error.code) : error.name
  return MEANINGS[code] ?? (error.message || code)
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url
}
