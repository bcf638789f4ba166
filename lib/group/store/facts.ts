/** Compares what is to be equal on all ranks, and says what differs. */
import type { Facts } from './messages.ts'

const MOST_SHOWN = 80

/** The ranks that said a thing, for people: `rank 1 on b`, `ranks 0, 2 and 3 more`. */
export function ranksText(
  ranks: readonly number[],
  hosts: readonly (string | undefined)[]
): string {
  const [first = 0] = ranks
  if (ranks.length === 1) {
    const host = hosts[first]
    return host === undefined ? `rank ${first}` : `rank ${first} on ${host}`
  }
  const shown = ranks.slice(0, 4)
  const more = ranks.length > 4 ? ` and ${ranks.length - 4} more` : ''
  const where = [...new Set(ranks.map((rank) => hosts[rank]).filter((host) => host !== undefined))]
  const on = where.length === 0 || where.length > 4 ? '' : ` on ${where.join(', ')}`
  return `ranks ${shown.join(', ')}${more}${on}`
}

/**
 * What differs between the facts of all ranks.
 * @returns a sentence for each name: `batch is 32 on rank 0 on a, 64 on rank 1 on b`
 */
export function differences(
  facts: readonly Facts[],
  hosts: readonly (string | undefined)[]
): readonly string[] {
  const names = [...new Set(facts.flatMap((one) => Object.keys(one)))]
  return names.flatMap((name) => {
    const ranks = new Map<string, number[]>()
    for (const [rank, one] of facts.entries()) {
      const value = Object.hasOwn(one, name) ? (one[name] ?? '') : 'nothing'
      ranks.set(value, [...(ranks.get(value) ?? []), rank])
    }
    if (ranks.size === 1) return []
    const all = [...ranks].map(([value, of]) => `${shown(value)} on ${ranksText(of, hosts)}`)
    return [`${name} is ${all.join(', ')}`]
  })
}

function shown(value: string): string {
  if (value === '') return "''"
  return value.length > MOST_SHOWN ? `${value.slice(0, MOST_SHOWN)}…` : value
}
