/** Groups skipped pictures by the reason, for people. */
import { count, someOf } from '../../../util/words.ts'
import type { Skipped } from '../scan/source.ts'

/** A reason without what is only of one picture: names, numbers of lines, sizes. */
function kindOf(reason: string): string {
  if (reason.startsWith('has the same bytes as ')) {
    return `has the same bytes as another${reason.includes(', whose class is ') ? ', of another class' : ''}`
  }
  return reason
    .replace(/^its class .* (is not in the training part)$/, 'its class $1')
    .replace(/^its class .* \(.*\) (is not known)$/, 'its class $1')
    .replace(/^(has two classes in [^:]+): .*/, '$1')
    .replace(/\bline \d+ /, 'a line ')
    .replace(/^has (\d+ bytes|\d+×\d+ pixels), more than.*/, 'is too large')
    .replace(/^(is truncated or damaged|cannot be decoded) \(.*\)$/, '$1')
}

/** A line for each reason, the frequent ones first: '3 × is empty (0 bytes): a.jpg, b.jpg, c.jpg'. */
export function byReason(skipped: readonly Skipped[]): string[] {
  const groups = new Map<string, string[]>()
  for (const { file, reason } of skipped) {
    const kind = kindOf(reason)
    const files = groups.get(kind)
    if (files) files.push(file)
    else groups.set(kind, [file])
  }
  return [...groups]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([kind, files]) => `${count(files.length)} × ${kind}: ${someOf(files)}`)
}
