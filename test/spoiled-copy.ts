/** Prepared sets whose stored images are damaged, for tests. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { openPhotos } from '../lib/data/photos/open.ts'
import { openFileRecords } from '../lib/data/photos/stored/file-records.ts'

/**
 * Copies a prepared set, and alters these images of each part.
 * @param which their numbers by part
 * @returns `out`
 */
export async function spoiledCopy(
  whole: string,
  out: string,
  which: Readonly<Record<string, readonly number[]>>
): Promise<string> {
  cpSync(whole, out, { recursive: true })
  await using data = await openPhotos(out)
  const { manifest } = data
  for (const [part, numbers] of Object.entries(which)) {
    const stored = part === 'train' ? manifest.train : manifest.test
    if (!stored) throw new Error('expected a test part')
    const records = await openFileRecords(out, stored, manifest)
    for (const i of numbers) {
      const { path, offset, bytes } = records.place(i)
      const content = readFileSync(path)
      content.fill(0, offset + bytes - 9, offset + bytes - 1)
      writeFileSync(path, content)
    }
    records.close()
  }
  return out
}
