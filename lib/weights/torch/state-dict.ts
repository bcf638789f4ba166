/** Finds the state dict in what a file of PyTorch holds: alone, or in a checkpoint of a training program. */
import { DamagedFileError } from '../../util/files/errors.ts'
import { PickleCall } from '../../util/files/pickle.ts'
import { shown } from '../../util/foreign.ts'
import { someOf } from '../../util/words.ts'
import { dictionaries } from './names.ts'
import { isTensor } from './tensor.ts'

/** Names under which training programs keep the state dict. */
const holders = ['state_dict', 'model_state_dict', 'model', 'net', 'module', 'weights']

/** Dictionaries in each other that are looked into. */
const DEEPEST = 3

export interface StateDict {
  /** The tensors' names and what makes them, in order. */
  readonly tensors: ReadonlyMap<string, PickleCall>
  readonly metadata: Readonly<Record<string, string>>
  readonly notes: readonly string[]
}

/** @throws DamagedFileError where there is none, or where it is not clear which of several is meant */
export function stateDictOf(path: string, value: unknown): StateDict {
  let items = itemsOf(value)
  let place = ''
  const metadata: Record<string, string> = {}
  const notes: string[] = []
  for (let depth = DEEPEST; items && depth > 0; depth--) {
    // A tensor beside them, such as a best accuracy, is no weight.
    const candidates = heldIn(items, depth)
    const [first, ...others] = candidates
    if (!first) break
    if (others.length > 0) {
      const names = candidates.map(([name]) => `'${name}'`).join(' and ')
      throw new DamagedFileError(
        `[torch] ${path}: expected one state dict, got ${names}; write the one that is meant: ` +
          `torch.save(torch.load(${JSON.stringify(path)}, map_location='cpu')['${first[0]}'], 'weights.pth')`
      )
    }
    Object.assign(metadata, scalarsOf(items))
    const left = [...items.keys()].filter((key) => key !== first[0]).map(String)
    place = `${place}['${first[0]}']`
    notes.push(
      `the weights are in ${place}` +
        (left.length > 0 ? `; beside them, not used: ${shown(someOf(left))}` : '')
    )
    items = first[1]
  }
  if (!items || !hasTensors(items)) {
    const got = items
      ? items.size === 0
        ? 'an empty dictionary'
        : `a dictionary of ${shown(someOf([...items.keys()].map(String)))}`
      : isTensor(value)
        ? 'one tensor'
        : 'something else'
    throw new DamagedFileError(
      `[torch] ${path}: expected a state dict, alone or as ${holders.map((name) => `'${name}'`).join(', ')}, got ` +
        got
    )
  }
  return { ...named(items, notes), metadata }
}

function named(
  items: ReadonlyMap<unknown, unknown>,
  before: readonly string[]
): Pick<StateDict, 'tensors' | 'notes'> {
  const notes = [...before]
  const all = [...items].filter((item): item is [string, PickleCall] => {
    return typeof item[0] === 'string' && isTensor(item[1])
  })
  const skipped = [...items].filter(([, value]) => !isTensor(value)).map(([key]) => String(key))
  if (skipped.length > 0) notes.push(`no tensors, not used: ${shown(someOf(skipped))}`)
  const prefix = 'module.'
  if (!all.every(([name]) => name.startsWith(prefix))) return { tensors: new Map(all), notes }
  notes.push(`names without '${prefix}', which DataParallel puts before all`)
  return { tensors: new Map(all.map(([name, call]) => [name.slice(prefix.length), call])), notes }
}

/** The dictionaries that lead to tensors, under the names that programs use. */
function heldIn(
  items: ReadonlyMap<unknown, unknown>,
  depth: number
): readonly (readonly [string, ReadonlyMap<unknown, unknown>])[] {
  return holders.flatMap((name) => {
    const held = itemsOf(items.get(name))
    const leads = held && (hasTensors(held) || (depth > 1 && heldIn(held, depth - 1).length > 0))
    return leads ? [[name, held] as const] : []
  })
}

function itemsOf(value: unknown): ReadonlyMap<unknown, unknown> | undefined {
  if (value instanceof Map) return value
  return value instanceof PickleCall && dictionaries.includes(value.name) ? value.items : undefined
}

function hasTensors(items: ReadonlyMap<unknown, unknown>): boolean {
  for (const [name, value] of items) if (typeof name === 'string' && isTensor(value)) return true
  return false
}

/** Short texts and numbers of a checkpoint: epoch, arch, … */
function scalarsOf(items: ReadonlyMap<unknown, unknown>): Record<string, string> {
  const out: Record<string, string> = {}
  for (const [name, value] of items) {
    if (typeof name !== 'string' || !['string', 'number', 'boolean'].includes(typeof value))
      continue
    const text = String(value)
    if (text.length <= 200) out[name] = text
  }
  return out
}
