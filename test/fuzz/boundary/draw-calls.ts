/** Draws sequences of calls of the addon. Most arguments are of the right kind, some are anything. */
import type { Calls, NativeCall, Value } from './case.ts'
import type { Dice } from './dice.ts'

/** What an argument may be: a kind of object, or a draw of values. */
type Kind = 'device' | 'stream' | 'buffer' | 'event' | 'program' | 'file' | 'loader' | 'ticket'
type Argument = Kind | ((dice: Dice) => Value)

const size = (dice: Dice): Value =>
  dice.of([0, 1, 4, 16, 64, 256, 4096, 4096, 65536, 2 ** 40, 2 ** 53, -1, 0.5, 'NaN', 'text'])
const small = (dice: Dice): Value => dice.of([0, 0, 0, 4, 64, 4092, 4096, 1, -1, 2 ** 53, 'NaN'])
const bytes = (dice: Dice): Value => dice.of([4, 16, 64, 4096, 4097, 0, -4, 2 ** 53, 'NaN'])
const flag = (dice: Dice): Value => dice.of([true, false])
const threads = (dice: Dice): Value => dice.of([1, 1, 1, 2, 0, -1, 1025, 2 ** 32 + 1, 'NaN'])
const timing = (dice: Dice): Value => dice.of([0, 0, 1, 2, 3, -1, 2 ** 32, 0.5])
const streams = (dice: Dice): Value =>
  dice.of<Value>([
    ...[['$stream'], ['$stream'], ['$other'], ['$stream', '$other'], ['$other', '$stream']],
    ...[[], ['$stream', '$stream'], ['$far'], ['$stream', '$far'], 'text']
  ])
const channels = (dice: Dice): Value =>
  dice.of<Value>([
    [8, 8, 3],
    [8, 8, 1],
    [8, 8, 2],
    [65500, 65500, 65500],
    [0, 8, 3],
    [8, 8]
  ])

/** The addon's functions: what they make, and what they take. `load`, `prepare` and `run` are called by helpers. */
const FUNCTIONS: Readonly<Record<string, { makes?: Kind; takes: readonly Argument[] }>> = {
  openBuffer: { makes: 'buffer', takes: ['device', size, flag] },
  closeBuffer: { takes: ['buffer'] },
  writeBuffer: { takes: ['buffer', small, bytes] },
  openStream: { makes: 'stream', takes: ['device', threads, flag] },
  closeStream: { takes: ['stream', 'ticket'] },
  openEvent: { makes: 'event', takes: ['device'] },
  closeEvent: { takes: ['event'] },
  recordEvent: { takes: ['stream', 'event'] },
  waitEvent: { takes: ['stream', 'event'] },
  copy: { takes: ['stream', 'buffer', small, 'buffer', small, bytes] },
  read: { takes: ['stream', 'ticket', 'buffer', small, bytes] },
  synchronize: { takes: ['stream', 'ticket'] },
  beginRecord: { takes: ['device', streams] },
  endRecord: { makes: 'program', takes: ['device', streams, flag] },
  runProgram: { takes: ['program', 'ticket', timing] },
  closeProgram: { takes: ['program'] },
  deviceMemory: { takes: ['device'] },
  closeDevice: { takes: ['device', 'ticket'] },
  closeFile: { takes: ['file'] },
  openLoader: { makes: 'loader', takes: [threads] },
  closeLoader: { takes: ['loader'] },
  load: {
    takes: ['loader', 'ticket', 'file', small, bytes, small, flag, channels, 'buffer', small]
  },
  relu: { takes: ['stream', 'buffer', small, 'buffer', small] }
}

/** Objects that are there from the beginning; `far` is a stream of another device. */
const PRELUDE: readonly NativeCall[] = [
  { name: 'openCpu', args: [], as: 'device' },
  { name: 'openCpu', args: [], as: 'second' },
  { name: 'openStream', args: ['$device', 1, false], as: 'stream' },
  { name: 'openStream', args: ['$device', 1, false], as: 'other' },
  { name: 'openStream', args: ['$second', 1, false], as: 'far' },
  { name: 'openBuffer', args: ['$device', 4096, false], as: 'buffer' },
  { name: 'openBuffer', args: ['$second', 4096, true], as: 'buffer2' },
  { name: 'openEvent', args: ['$device'], as: 'event' },
  { name: 'openEvent', args: ['$second'], as: 'event2' },
  { name: 'openShard', args: [], as: 'file' },
  { name: 'openLoader', args: [1], as: 'loader' }
]

/** Names of objects by kind, as the prelude has them. */
const KNOWN: Readonly<Record<Kind, readonly string[]>> = {
  device: ['device', 'device', 'device', 'second'],
  stream: ['stream', 'stream', 'other', 'far'],
  buffer: ['buffer', 'buffer', 'buffer2'],
  event: ['event', 'event2'],
  program: [],
  file: ['file'],
  loader: ['loader'],
  ticket: []
}

export function drawCalls(dice: Dice): Calls {
  const known = new Map(Object.entries(KNOWN).map(([kind, names]) => [kind, [...names]]))
  const calls: NativeCall[] = [...PRELUDE]
  for (let left = 1 + dice.below(16); left > 0; left--) {
    const name = dice.of(Object.keys(FUNCTIONS))
    const { makes, takes } = FUNCTIONS[name] ?? { takes: [] }
    const args = takes.map((argument) => {
      if (typeof argument === 'function') return argument(dice)
      if (argument === 'ticket') return '$ticket'
      const names = known.get(argument) ?? []
      if (names.length > 0 && dice.below(16) > 0) return `$${dice.of(names)}`
      return dice.of<Value>([0, -1, 0.5, 1e15, 2 ** 53, 1e300, 'NaN', 'text', null])
    })
    const as = makes && `${makes}-${calls.length}`
    if (makes && as) known.get(makes)?.push(as)
    calls.push({ name, args, ...(as !== undefined && { as }) })
  }
  return { kind: 'calls', calls }
}
