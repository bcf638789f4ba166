/** Loads sharp, which decodes and encodes photographs. It is an optional dependency and loaded on first use. */
import { DataError } from '../dataset.ts'

/** The default export of sharp. */
export type Sharp = typeof import('sharp').default

/** @throws DataError if sharp is missing or does not load, with the command that installs it */
export async function loadSharp(load: () => Promise<{ default: Sharp }> = () => import('sharp')) {
  try {
    return (await load()).default
  } catch (error) {
    const absent = error instanceof Error && 'code' in error && /NOT_FOUND/.test(String(error.code))
    const why = absent ? 'none' : `one that does not load (${firstLine(error)})`
    throw new DataError(
      `[photos] expected the package sharp, which decodes photographs, got ${why};` +
        ' install it: npm install --include=optional sharp',
      { cause: error }
    )
  }
}

/** First line of an error's message that is not blank. */
export function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.split('\n').find((line) => line.trim() !== '') ?? 'no reason given'
}
