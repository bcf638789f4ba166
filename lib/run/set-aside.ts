/** Keeps what is damaged under another name. */
import { rename, stat } from 'node:fs/promises'
import { diskError } from '../util/files/errors.ts'

/**
 * Renames what is damaged, so that its name can be used again.
 * @returns its new path
 */
export async function setAside(path: string): Promise<string> {
  for (let number = 1; ; number += 1) {
    const aside = number === 1 ? `${path}.damaged` : `${path}.damaged-${number}`
    if ((await stat(aside).catch(() => undefined)) !== undefined) continue
    try {
      await rename(path, aside)
      return aside
    } catch (error) {
      throw diskError('run', 'rename', path, error)
    }
  }
}
