/** Zip archives. */
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { replaceWith } from './atomic.ts'

/**
 * Unpacks some files of a zip archive; each is there whole, or not at all. yauzl checks sizes and CRC.
 *
 * @param files where each goes, by the name that ends its name in the archive
 * @param signal aborts unpacking
 * @returns the names that the archive lacks
 * @throws Error of yauzl for an archive that is damaged
 */
export async function unzip(
  archive: string,
  files: ReadonlyMap<string, string>,
  signal?: AbortSignal | undefined
): Promise<readonly string[]> {
  // Loaded here: it is CommonJS, whose require a bundle as ES module does not have.
  const { openPromise } = await import('yauzl')
  const missing = new Set(files.keys())
  const zip = await openPromise(archive)
  try {
    for await (const entry of zip.eachEntry()) {
      const name = entry.fileName.split('/').at(-1) ?? ''
      const path = files.get(name)
      if (path === undefined) continue
      missing.delete(name)
      await replaceWith(path, async (temporary) => {
        const bytes = await zip.openReadStreamPromise(entry)
        await pipeline(bytes, createWriteStream(temporary), { signal })
      })
    }
  } finally {
    zip.close()
  }
  return [...missing]
}
