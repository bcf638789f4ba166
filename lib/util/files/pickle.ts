/**
 * Reads Python's pickles without running anything in them: values, containers, and calls of names that the caller
 * allows, which stay data. Every other name and opcode is refused. Formats: protocols 0 to 5, of which the opcodes that
 * NumPy and PyTorch write (CPython, Lib/pickletools.py). What a pickle makes is no larger than the pickle: each value
 * takes a byte of it at least, and what it names again is the same value.
 */
import { cut } from '../foreign.ts'
import { DamagedFileError } from './errors.ts'

/** A name of a Python module: a class or a function. */
export class PickleName {
  /** 'module name', such as 'numpy dtype'. */
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

/** A call that a pickle asks for. It is not made. */
export class PickleCall {
  /** What is called: 'module name'. */
  readonly name: string
  readonly args: readonly unknown[]
  /** What the object is then set to. */
  state: unknown
  /** Items that are then set, if it is a mapping. */
  readonly items = new Map<unknown, unknown>()

  constructor(name: string, args: readonly unknown[]) {
    this.name = name
    this.args = args
  }
}

/** A value that is kept elsewhere, such as a tensor's bytes in PyTorch's files. */
export class PickleReference {
  readonly id: unknown

  constructor(id: unknown) {
    this.id = id
  }
}

/** Options of `readPickle`. */
export interface PickleOptions {
  /** Names the file in errors. */
  readonly name: string
  /** Names that the pickle may refer to: 'numpy dtype'. */
  readonly allowed: readonly string[]
  /** What to say of a name that is not allowed, instead of all names that are. */
  readonly refusal?: (name: string) => string
}

/** Containers and calls that a pickle may make, so that it takes no more than some hundred MiB. */
const MOST_CONTAINERS = 200_000

/** Marks the begin of items on the stack. */
const MARK = Symbol('mark')

/**
 * Reads a pickle. Lists and tuples are arrays, dictionaries maps, bytes and Python 2's strings `Uint8Array`; as keys of
 * maps they are strings.
 *
 * @throws DamagedFileError for a name or opcode that is not allowed, and for a pickle that is cut short or damaged
 */
export function readPickle(bytes: Uint8Array, options: PickleOptions): unknown {
  return new PickleReader(bytes, options).read()
}

type Step = (reader: PickleReader) => void

/** Opcodes by their byte. */
const steps: Readonly<Record<string, Step>> = {
  '\x80': (r) => void r.take(1),
  '\x95': (r) => void r.take(8),
  '(': (r) => r.push(MARK),
  N: (r) => r.push(null),
  '\x88': (r) => r.push(true),
  '\x89': (r) => r.push(false),
  K: (r) => r.push(r.take(1).readUInt8()),
  M: (r) => r.push(r.take(2).readUInt16LE()),
  J: (r) => r.push(r.take(4).readInt32LE()),
  '\x8a': (r) => r.push(longOf(r.take(r.take(1).readUInt8()))),
  G: (r) => r.push(r.take(8).readDoubleBE()),
  U: (r) => r.push(r.take(r.take(1).readUInt8())),
  T: (r) => r.push(r.take(r.take(4).readInt32LE())),
  C: (r) => r.push(r.take(r.take(1).readUInt8())),
  B: (r) => r.push(r.take(r.take(4).readUInt32LE())),
  '\x8e': (r) => r.push(r.take(Number(r.take(8).readBigUInt64LE()))),
  '\x8c': (r) => r.push(r.take(r.take(1).readUInt8()).toString('utf8')),
  X: (r) => r.push(r.take(r.take(4).readUInt32LE()).toString('utf8')),
  '\x8d': (r) => r.push(r.take(Number(r.take(8).readBigUInt64LE())).toString('utf8')),
  ']': (r) => r.make([]),
  ')': (r) => r.make([]),
  '}': (r) => r.make(new Map()),
  t: (r) => r.make(r.sinceMark()),
  l: (r) => r.make(r.sinceMark()),
  '\x85': (r) => r.make(r.popped(1)),
  '\x86': (r) => r.make(r.popped(2)),
  '\x87': (r) => r.make(r.popped(3)),
  a: (r) => r.append([r.pop()]),
  e: (r) => r.append(r.sinceMark()),
  s: (r) => r.set(r.popped(2)),
  u: (r) => r.set(r.sinceMark()),
  '0': (r) => void r.pop(),
  '1': (r) => void r.sinceMark(),
  '2': (r) => r.push(r.top()),
  q: (r) => r.keep(r.take(1).readUInt8()),
  r: (r) => r.keep(r.take(4).readUInt32LE()),
  '\x94': (r) => r.keep(r.kept),
  h: (r) => r.recall(r.take(1).readUInt8()),
  j: (r) => r.recall(r.take(4).readUInt32LE()),
  c: (r) => r.pushName(r.line(), r.line()),
  '\x93': (r) => {
    const [module, name] = r.popped(2)
    r.pushName(String(module), String(name))
  },
  R: (r) => r.call(),
  '\x81': (r) => r.call(),
  b: (r) => r.build(),
  Q: (r) => r.make(new PickleReference(r.pop()))
}

class PickleReader {
  readonly #bytes: Buffer
  readonly #name: string
  readonly #allowed: ReadonlySet<string>
  readonly #refusal: PickleOptions['refusal']
  readonly #stack: unknown[] = []
  readonly #memo = new Map<number, unknown>()
  #at = 0
  #containers = 0

  constructor(bytes: Uint8Array, { name, allowed, refusal }: PickleOptions) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#name = name
    this.#allowed = new Set(allowed)
    this.#refusal = refusal
  }

  read(): unknown {
    for (;;) {
      const code = String.fromCharCode(this.take(1).readUInt8())
      if (code === '.') return this.pop()
      const step = steps[code]
      if (!step) this.fail(`an opcode of data, got 0x${code.charCodeAt(0).toString(16)}`)
      step(this)
    }
  }

  /** The next bytes. */
  take(count: number): Buffer {
    const end = this.#at + count
    if (!(count >= 0) || end > this.#bytes.length)
      this.fail('more bytes, got its end: it is cut short')
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }

  line(): string {
    const end = this.#bytes.indexOf(10, this.#at)
    if (end < 0) this.fail('the end of a line, got none: it is cut short')
    const text = this.take(end - this.#at).toString('utf8')
    this.take(1)
    return text
  }

  push(value: unknown): void {
    this.#stack.push(value)
  }

  /** Pushes a value that takes memory beyond its bytes in the pickle. */
  make(value: object): void {
    if (++this.#containers > MOST_CONTAINERS) {
      this.fail(`at most ${MOST_CONTAINERS} containers, got more`)
    }
    this.push(value)
  }

  pop(): unknown {
    if (this.#stack.length === 0) this.fail('a value, got an empty stack')
    const value = this.#stack.pop()
    if (value === MARK) this.fail('a value, got a mark')
    return value
  }

  top(): unknown {
    const value = this.pop()
    this.push(value)
    return value
  }

  popped(count: number): unknown[] {
    return Array.from({ length: count }, () => this.pop()).reverse()
  }

  sinceMark(): unknown[] {
    const from = this.#stack.lastIndexOf(MARK)
    if (from < 0) this.fail('a mark, got none')
    const values = this.#stack.splice(from)
    values.shift()
    return values
  }

  append(values: readonly unknown[]): void {
    const list = this.top()
    if (!Array.isArray(list)) this.fail('a list to append to, got something else')
    for (const value of values) list.push(value)
  }

  set(pairs: readonly unknown[]): void {
    const target = this.top()
    const items = target instanceof PickleCall ? target.items : target
    if (!(items instanceof Map) || pairs.length % 2 !== 0)
      this.fail('a dictionary, got something else')
    for (let i = 0; i < pairs.length; i += 2) items.set(keyOf(pairs[i]), pairs[i + 1])
  }

  get kept(): number {
    return this.#memo.size
  }

  keep(place: number): void {
    this.#memo.set(place, this.top())
  }

  recall(place: number): void {
    if (!this.#memo.has(place)) this.fail(`a value that was kept as ${place}, got none`)
    this.push(this.#memo.get(place))
  }

  pushName(module: string, name: string): void {
    const whole = cut(`${module} ${name}`)
    if (!this.#allowed.has(whole)) {
      if (this.#refusal)
        throw new DamagedFileError(`[pickle] ${this.#name}: ${this.#refusal(whole)}`)
      this.fail(
        `names of ${[...this.#allowed].join(', ') || 'nothing'}, got ${whole}, which is not used`
      )
    }
    this.make(new PickleName(whole))
  }

  call(): void {
    const [callee, args] = this.popped(2)
    if (!(callee instanceof PickleName) || !Array.isArray(args)) {
      this.fail('a call of a name, got another')
    }
    this.make(new PickleCall(callee.name, args))
  }

  build(): void {
    const state = this.pop()
    const target = this.top()
    if (!(target instanceof PickleCall)) this.fail('an object to set, got something else')
    target.state = state
  }

  fail(what: string): never {
    throw new DamagedFileError(
      `[pickle] ${this.#name}: expected ${what} (at byte ${this.#at}); it is damaged, or no file of this kind:` +
        ' fetch it again'
    )
  }
}

/** A key of a map: bytes, as Python 2's strings are, as text. */
const keyOf = (key: unknown) =>
  key instanceof Uint8Array ? Buffer.from(key).toString('latin1') : key

/** A whole number, little-endian in two's complement; a bigint where a number is not exact. */
function longOf(bytes: Buffer): number | bigint {
  if (bytes.length === 0) return 0
  let value = BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
  if ((bytes.at(-1) ?? 0) & 0x80) value -= 1n << BigInt(8 * bytes.length)
  return Number.isSafeInteger(Number(value)) ? Number(value) : value
}
