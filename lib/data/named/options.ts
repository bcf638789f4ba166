/** Options of data sets that are opened by name, and the folders where they are looked for. */
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import {
  callback,
  dictionary,
  list,
  maybe,
  type Rules,
  signal,
  text
} from '../../util/check/rules.ts'
import { type DownloadProgress, download } from '../download/download.ts'

/** Options of a data set that is opened by name. */
export interface NamedSetOptions {
  /**
   * The cache: its folder of the set's name is searched and receives downloads. Default: `alexnode` in
   * XDG_CACHE_HOME or ~/.cache.
   */
  readonly cache?: string | undefined
  /** Aborts downloading and reading. */
  readonly signal?: AbortSignal | undefined
  /** Called as bytes of a download arrive. */
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined
  /** Called with notices for people during a download, such as a mirror that failed. */
  readonly onNotice?: ((text: string) => void) | undefined
  /** Base addresses of the set's files. Default: the official ones. */
  readonly mirrors?: readonly string[] | undefined
  /** MD5 of each file by name. Default: the published ones. */
  readonly md5?: Readonly<Record<string, string>> | undefined
}

export const namedSetRules: Rules<NamedSetOptions> = {
  cache: maybe(text),
  signal: maybe(signal),
  onProgress: maybe(callback),
  onNotice: maybe(callback),
  mirrors: maybe(list(text)),
  md5: maybe(dictionary(text))
}

/** Where a set's files come from. */
export interface Origin {
  readonly mirrors: readonly string[]
  /** MD5 of each file by name. */
  readonly md5: Readonly<Record<string, string>>
}

/** The folder that ALEXNODE_DATA names, if any. */
export function dataFolder(): string | undefined {
  return process.env.ALEXNODE_DATA || undefined
}

/** The default cache: `alexnode` in XDG_CACHE_HOME (if absolute) or ~/.cache. */
export function cacheFolder(): string {
  const base = process.env.XDG_CACHE_HOME
  return join(base && isAbsolute(base) ? base : join(homedir(), '.cache'), 'alexnode')
}

/** The folder of a set in the cache. */
export function cachedFolder(name: string, { cache }: Pick<NamedSetOptions, 'cache'>): string {
  return join(resolve(cache ?? cacheFolder()), name)
}

/**
 * Downloads files of a set into a folder, each verified by its MD5.
 *
 * @returns the hosts that served them
 * @throws OfflineError if no mirror answers
 * @throws DownloadError if no mirror serves the right file, or it cannot be written
 */
export async function downloadAll(
  files: readonly string[],
  folder: string,
  origin: Origin,
  { mirrors = origin.mirrors, md5 = origin.md5, ...rest }: NamedSetOptions
): Promise<readonly string[]> {
  const hosts = new Set<string>()
  for (const name of files) {
    const url = await download({
      ...rest,
      urls: mirrors.map((mirror) => (mirror.endsWith('/') ? mirror : `${mirror}/`) + name),
      path: join(folder, name),
      md5: md5[name] ?? ''
    })
    hosts.add(new URL(url).host)
  }
  return [...hosts]
}
