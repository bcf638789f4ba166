/**
 * Downloads a file that is known by its MD5: from the first of several mirrors that serves it,
 * into `<path>.part`, from where an earlier attempt stopped, renamed when it is verified.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { constants, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { flushAll } from '../../util/files/flush.ts'
import { DiskError, DownloadError, OfflineError } from './errors.ts'
import { request } from './http.ts'

export { DownloadError, OfflineError } from './errors.ts'

/** How far a download is. */
export interface DownloadProgress {
  /** Name of the file. */
  readonly file: string
  readonly url: string
  /** Bytes that are there, earlier attempts' included. */
  readonly received: number
  /** Bytes in the whole file, where the server says so. */
  readonly total?: number
}

/** What to download, and how. */
export interface DownloadOptions {
  /** Places of the file, tried in order: http or https. */
  readonly urls: readonly string[]
  /** Where it goes. Its folder is made. */
  readonly path: string
  /** MD5 of the whole file, in hexadecimal. */
  readonly md5: string
  /** Stops the download; what has come stays for the next attempt. */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined
  /** Told what a person may want to know: a part that was deleted, a mirror that failed. */
  readonly onNotice?: ((text: string) => void) | undefined
  /** Milliseconds, all mirrors together, after which silence means: no network. Default 4500. */
  readonly offlineAfter?: number | undefined
  /** Milliseconds without a byte after which a mirror is given up. Default 20,000. */
  readonly stallAfter?: number | undefined
}

/** Attempts at one mirror, as long as each gets further. */
const ATTEMPTS = 4

/**
 * Downloads a file and verifies it.
 *
 * @returns the URL that served it
 * @throws OfflineError when no mirror answered
 * @throws DownloadError when mirrors answered but none served the right file, or the disk failed
 * @throws the signal's reason when aborted
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

  await onDisk(path, () => mkdir(dirname(path), { recursive: true }))
  for (const [k, url] of urls.entries()) {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      signal?.throwIfAborted()
      const offset = await sizeOf(part)
      try {
        // Until a mirror has answered, those that are left share the time that is left.
        const patience = answered
          ? stallAfter
          : Math.max(0, deadline - performance.now()) / (urls.length - k)
        await fetchPart({ ...options, stallAfter }, part, url, offset, patience, () => {
          answered = true
        })
        const got = await settle(part, path, md5)
        if (got === md5) return url
        await rm(part, { force: true })
        report(url, `expected MD5 ${md5},\n    got ${got}; deleted what had come`)
        // What an earlier attempt left may have been the fault: once more, from the start.
        if (offset === 0) break
      } catch (error) {
        signal?.throwIfAborted()
        if (error instanceof DiskError) throw new DownloadError(error.message, { cause: error })
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

/** One request: goes on at `offset` if the server can, else starts again. */
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
      // Nothing comes after what is there. It may be the whole file; the hash will tell.
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
    const file = await onDisk(part, () => open(part, constants.O_RDWR | constants.O_CREAT, 0o644))
    try {
      // A server that starts again writes over what is there; should it stop early, a later
      // attempt goes on behind its last byte, so the rest of the old part must not stay.
      if (at < offset) await onDisk(part, () => file.truncate(0))
      for await (const chunk of response.body) {
        await onDisk(part, () => file.write(chunk, 0, chunk.length, at))
        at += chunk.length
        onProgress?.({
          file: basename(path),
          url,
          received: at,
          ...(total !== undefined && { total })
        })
      }
      await onDisk(part, () => flushAll(file))
    } finally {
      await file.close()
    }
  } finally {
    response.close()
  }
}

/** Renames the part if it is the right file. Returns its MD5. */
async function settle(part: string, path: string, md5: string): Promise<string> {
  try {
    const got = await hashOf(part)
    if (got === md5) await rename(part, path)
    return got
  } catch (error) {
    // Another process fetched the same file, wrote the same bytes to the same places, and was first.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return onDisk(path, () => hashOf(path))
    }
    throw new DiskError(writeFailure(path, error), { cause: error })
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

/** Runs a file operation; its failure is the disk's, not the mirror's. */
async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw new DiskError(writeFailure(path, error), { cause: error })
  }
}

function writeFailure(path: string, error: unknown): string {
  return (
    `[download] expected to write ${path}, got ${reason(error)};` +
    ' make room or choose another cache folder (XDG_CACHE_HOME)'
  )
}

const WORDS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'name not found',
  EAI_AGAIN: 'no answer from a name server',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection broken',
  ENETUNREACH: 'network out of reach',
  EHOSTUNREACH: 'host out of reach'
}

/** An error in a few words. With several addresses tried, Node's own message is empty. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? String(error.code) : error.name
  return WORDS[code] ?? (error.message || code)
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url
}
