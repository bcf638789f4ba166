/**
 * sharp, which decodes and encodes photographs, loaded when it is first needed: an optional
 * dependency, since nets also train on images that lie ready as bytes.
 */
import { DataError } from '../dataset.ts'

/** What the module `sharp` exports. */
export type Sharp = typeof import('sharp').default

/** @throws DataError saying what to install, where sharp is missing or does not load */
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

/** The first line of an error that says something. */
export function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.split('\n').find((line) => line.trim() !== '') ?? 'no reason given'
}
