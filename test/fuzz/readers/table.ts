/** All readers of files that are fuzzed. A new one goes into one of these lists. */
import { arrayReaders } from './arrays.ts'
import { onnxReaders } from './onnx.ts'
import { photoReaders } from './photos.ts'
import type { Reader } from './reader.ts'
import { runReaders } from './runs.ts'
import { weightReaders } from './weights.ts'

export const readers: readonly Reader[] = [
  ...arrayReaders,
  ...onnxReaders,
  ...photoReaders,
  ...runReaders,
  ...weightReaders
]

/** @throws Error for a name that is not in the table */
export function readerOf(name: string): Reader {
  const found = readers.find((reader) => reader.name === name)
  if (found) return found
  const names = readers.map(({ name }) => name).join(', ')
  throw new Error(`[fuzz] expected one of ${names}, got '${name}'`)
}
