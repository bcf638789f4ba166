/** Slurm's short forms: `node[03-05,7],login` for names of machines, `2(x3),1` for numbers on each. */

const NAME = /^[\w.-]+$/
const MOST_NAMES = 65_536

/**
 * The first name of a list of machines, such as node03 of `node[03-05,7]`.
 * @returns undefined for text that is no such list
 */
export function firstNode(list: string): string | undefined {
  const end = endOfFirst(list)
  if (end === undefined) return undefined
  // Of each pair of brackets the first number counts, with its zeros.
  const name = list.slice(0, end).replaceAll(/\[(\d+)(?:-\d+)?(?:,\d+(?:-\d+)?)*\]/g, '$1')
  return NAME.test(name) ? name : undefined
}

/** Where the first name ends: at the first comma that is not in brackets. */
function endOfFirst(list: string): number | undefined {
  let depth = 0
  for (const [i, one] of [...list].entries()) {
    if (one === '[') depth++
    else if (one === ']') depth--
    else if (one === ',' && depth === 0) return i
    if (depth < 0 || depth > 1) return undefined
  }
  return depth === 0 ? list.length : undefined
}

/**
 * The number on the machine `index` of a list such as `2(x3),1`.
 * @returns undefined for text that is no such list, or is shorter
 */
export function countAt(list: string, index: number): number | undefined {
  let first = 0
  for (const part of list.split(',')) {
    const [, count, times = '1'] = /^(\d{1,6})(?:\(x(\d{1,6})\))?$/.exec(part) ?? []
    if (count === undefined) return undefined
    first += Number(times)
    if (index < first) return Number(count)
    if (first > MOST_NAMES) return undefined
  }
  return undefined
}
