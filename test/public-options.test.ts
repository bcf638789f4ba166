/**
 * Walks over the whole public API: for each argument and each option of each function, values that it cannot be give an
 * error that names it, what was expected and what came. What there is, and of which types, is asked of the compiler.
 */
import t, { type Test } from 'tap'
import { open } from '../lib/engine/device.ts'
import { dense } from '../lib/net/layers/dense.ts'
import { flatten } from '../lib/net/layers/flatten.ts'
import { describe } from '../lib/util/check/describe.ts'
import { define } from './noise.ts'
import { type PublicCall, publicCalls } from './public-calls.ts'
import { outOfRange } from './public-ranges.ts'
import { type Kind, publicFunctions, type Taken } from './public-types.ts'

const sources = [
  '',
  'data/',
  'engine/',
  'group/',
  'net/',
  'run/',
  'use/',
  'weights/',
  'training/bench/'
]
const methods = [
  'Device.stream',
  'Device.allocate',
  'Device.staging',
  'Stream.prepare',
  'Stream.run',
  'Stream.copy',
  'Stream.write',
  'Stream.read',
  'Stream.record',
  'Stream.wait',
  'Buffer.tensor',
  'Buffer.set',
  'Parameters.initialise',
  'Parameters.export',
  'Parameters.import',
  'Scores.add',
  'Scores.confusions',
  'NetDefinition.build',
  'NetDefinition.draft',
  'Net.at',
  'Benchmark.create'
]
/** Arithmetic on shapes, which is called for every tensor. */
const unchecked = ['denseLayout', 'elements']

const functions = publicFunctions(
  sources.map((path) => `lib/${path}index.ts`),
  methods
)
const device = await open('cpu', { threads: 1 })
const net = await define([flatten(), dense({ units: 3 })]).build(device, { batch: 2 })
const calls = publicCalls(device, net)
t.teardown(() => device.close())
// Where a call would write that is made after all.
process.chdir(t.testdir())

/** A value of each kind that is wrong for all other kinds. */
const samples: Readonly<Record<Kind, unknown>> = {
  string: '3',
  number: 3,
  boolean: true,
  function: () => {},
  array: [],
  typed: new BigInt64Array(1),
  object: {}
}

/** What a value of these kinds cannot be. */
function wrongFor({ kinds, literal, needs, optional, options }: Taken): unknown[] {
  if (kinds.size === 0) return []
  const others = Object.entries(samples)
    .filter(([kind]) => !isIn(kinds, kind))
    .map(([, value]) => value)
  return [
    ...others,
    null,
    Symbol('odd'),
    ...(kinds.has('number') ? [Number.NaN, ...(literal.number ? [3.5] : [])] : []),
    ...(kinds.has('string') && literal.string ? ['nonsense'] : []),
    ...(kinds.has('typed') ? [samples.typed] : []),
    // Of an object that is walked, each option that it needs is left out in its turn.
    ...(kinds.has('object') && needs && options.length === 0 ? [{}] : []),
    ...(optional ? [] : [undefined])
  ]
}

function isIn(kinds: ReadonlySet<string>, kind: string): boolean {
  return kinds.has(kind)
}

/** The arguments with another value at a place: the number of an argument, then names of options. */
function spoiled(args: readonly unknown[], [at, ...path]: Place, value: unknown): unknown[] {
  const changed = [...args]
  changed[at] = path.length === 0 ? value : replaced(changed[at], path, value)
  return changed
}

function replaced(
  object: unknown,
  [name = '', ...path]: readonly string[],
  value: unknown
): object {
  if (typeof object !== 'object' || object === null) throw new Error(`no object holds ${name}`)
  const inner: unknown = Reflect.get(object, name)
  return { ...object, [name]: path.length === 0 ? value : replaced(inner, path, value) }
}

type Place = readonly [number, ...string[]]

/** What a call fails with; undefined if it does not. */
async function failureOf({ call }: PublicCall, args: readonly unknown[]): Promise<unknown> {
  try {
    const made = call(...args)
    const first = isIterator(made) ? made.next() : made
    await first
    return undefined
  } catch (error) {
    return error
  }
}

function isIterator(value: unknown): value is Iterator<unknown> {
  return typeof value === 'object' && value !== null && 'next' in value
}

interface Spoiled {
  /** Of the function. */
  readonly name: string
  readonly place: Place
  /** Name of the argument that the place is in. */
  readonly argument: string
  readonly value: unknown
}

/** Checks that a value at a place is refused by its name. */
async function refuses(t: Test, { name, place, argument, value }: Spoiled): Promise<void> {
  const made = calls[name]
  if (!made) return
  const failure = await failureOf(made, spoiled(made.args, place, value))
  const what = `${name}(${[argument, ...place.slice(1)].join('.')}: ${describe(value)})`
  const message = failure instanceof Error ? failure.message : 'nothing'
  const [topic, where, rest] = /^(\[[\w-]+\]) ([^:]+): (.*)$/s.exec(message)?.slice(1) ?? []
  const good = topic !== undefined && isNamed(where ?? '', place, argument)
  if (!good || !/^expected .+, got (?!undefined)./s.test(rest ?? '')) {
    t.fail(`${what} is refused by "${message}"`)
  }
}

/** True if an error's name is that of the value, or of one around it that may be something else entirely. */
function isNamed(where: string, [, ...path]: Place, argument: string): boolean {
  if (path.length === 0) return where.startsWith(argument) || where === 'options'
  const names = path.map((_, i) => path.slice(0, i + 1).join('.'))
  return names.some((name) => [name, `${argument}.${name}`].some((one) => begins(where, one)))
}

const begins = (where: string, name: string) =>
  where === name || where.startsWith(`${name}[`) || where.startsWith(`${name}.`)

/** Calls `each` for every argument and option of a function. */
async function walk(
  taken: readonly Taken[],
  each: (place: Place, taken: Taken, argument: string) => Promise<void>
): Promise<void> {
  for (const [i, argument] of taken.entries()) {
    const inside = async (place: Place, options: readonly Taken[]): Promise<void> => {
      for (const one of options) {
        await each([...place, one.name], one, argument.name)
        await inside([...place, one.name], one.options)
      }
    }
    await each([i], argument, argument.name)
    await inside([i], argument.options)
  }
}

t.strictSame(
  [...functions.keys()].filter((name) => !unchecked.includes(name)).sort(),
  Object.keys(calls).sort(),
  'each function has a valid call'
)

t.test('values of another type', async (t) => {
  let count = 0
  for (const [name, taken] of functions) {
    if (unchecked.includes(name)) continue
    await walk(taken, async (place, one, argument) => {
      for (const value of wrongFor(one)) {
        count++
        await refuses(t, { name, place, argument, value })
      }
    })
  }
  t.ok(count > 4000, `${count} values`)
})

t.test('names that do not exist', async (t) => {
  for (const [name, taken] of functions) {
    const made = calls[name]
    const at = taken.findIndex((one) => one.name === 'options')
    const [option] = taken[at]?.options ?? []
    if (!made || !option || name === 'photoFiles') continue
    const odd = spoiled(made.args, [at, `${option.name}z`], 1)
    const failure = await failureOf(made, odd)
    t.match(
      failure,
      { message: new RegExp(`${option.name}z: expected .*; did you mean ${option.name}\\?`) },
      name
    )
  }
})

t.test('numbers out of range', async (t) => {
  for (const [name, rows] of Object.entries(outOfRange)) {
    const taken = functions.get(name) ?? []
    const seen = new Set<string>()
    await walk(taken, async (place, one, argument) => {
      const path = place.length === 1 ? one.name : place.slice(1).join('.')
      const values = rows[path]
      if (!values) return
      seen.add(path)
      for (const value of values) await refuses(t, { name, place, argument, value })
    })
    t.strictSame([...seen].sort(), Object.keys(rows).sort(), name)
  }
})
