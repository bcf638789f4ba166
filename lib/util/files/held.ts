/**
 * What this process holds for as long as it runs: locks, half-written files, a hidden cursor. A process that has to
 * end at once gives it back by `releaseHeld`.
 */

const held = new Set<() => void>()

/**
 * Remembers how to give something back, at once and without waiting.
 *
 * @returns forgets it again
 */
export function holding(release: () => void): () => void {
  held.add(release)
  return () => void held.delete(release)
}

/** Gives everything back. What cannot be given back is left: the process ends. */
export function releaseHeld(): void {
  for (const release of held) {
    try {
      release()
    } catch {
      // A lock of a dead process is taken over, a temporary file is swept.
    }
  }
  held.clear()
}
