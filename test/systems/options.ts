/** What the options of several programs here hold, checked before anything is made. */
import { refuse } from '../../bench/options.ts'
import { suites } from './debian-root.ts'

/** The version of Debian that `--suite` names, such as 'Debian 12'. */
export function debianOf(suite: string): string {
  const debian = Object.hasOwn(suites, suite) ? suites[suite] : undefined
  return (
    debian ?? refuse(`--suite: expected one of ${Object.keys(suites).join(', ')}, got '${suite}'`)
  )
}

/** A version of Node, as npm's packages of it have it. */
export function nodeOf(version: string): string {
  if (/^\d+\.\d+\.\d+$/.test(version)) return version
  return refuse(`--node: expected a version such as 24.22.3, got '${version}'`)
}

/** Those that have one of `words` in their text; all, where there are no words. */
export function chosenBy<One>(
  words: readonly string[],
  all: readonly One[],
  text: (one: One) => string
): readonly One[] {
  const has = (one: One, word: string) => text(one).toLowerCase().includes(word.toLowerCase())
  for (const word of words) {
    if (!all.some((one) => has(one, word))) refuse(`no line has '${word}' in it`)
  }
  return words.length === 0 ? all : all.filter((one) => words.some((word) => has(one, word)))
}
