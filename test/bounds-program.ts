/** Calls of the low-level API that no program should make, one a process: `bounds-program.ts NAME [NUMBERS]`. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { record, type Stream } from '../lib/engine/index.ts'
import { type Device, open } from '../lib/index.ts'
import { native, settled } from '../lib/native/binding.ts'

const [name = '', ...numbers] = process.argv.slice(2)
const words = (error: unknown) => (error instanceof Error ? error.message : String(error))

/** What an attack ends with: 'done', or the error's message. */
async function told(act: () => unknown): Promise<string> {
  try {
    await act()
    return 'done'
  } catch (error) {
    return words(error)
  }
}

/** Buffers that nothing else holds would be reported as lost. */
const kept: unknown[] = []

const tensorOf = (device: Device, shape: number[], dtype: 'f32' | 'u8' | 'i32', layout: string) =>
  device.allocate(4 * shape.reduce((a, b) => a * b, 1)).tensor({ shape, dtype, layout })

/** The gradient of a pooling of which three of four winners lie nowhere in the image. */
async function index(device: Device, stream: Stream, layout: string): Promise<number[]> {
  const dx = tensorOf(device, [1, 1, 4, 4], 'f32', layout)
  const dy = tensorOf(device, [1, 1, 2, 2], 'f32', layout)
  const place = tensorOf(device, [1, 1, 2, 2], 'i32', layout)
  const fields = { kernel: [32, 32], stride: [4, 4], padding: [16, 16, 16, 16] }
  const op = await stream.prepare('max_pool_backward', fields, { dx, dy, index: place })
  stream.write(dy, Float32Array.of(1, 2, 3, 4))
  // The third is dx[0][2], in row 12 and column 18 of its window.
  stream.write(place, Int32Array.of(2 ** 31 - 1, -1, 12 * 32 + 18, 0x40000000))
  stream.run(op, { dx, dy, index: place })
  return [...(await stream.read(dx))]
}

/** Runs `act` with so little address space left that no thread can be made any more. */
async function short(room: number, act: () => unknown): Promise<string> {
  const space = () =>
    Number(/VmSize:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024
  // tsx makes a part of WebAssembly ready in the background, which would end the process without space.
  let used = 0
  for (let same = 0; same < 10; same = space() === used ? same + 1 : 0) {
    used = space()
    await setTimeout(50)
  }
  const limit = (most: string) =>
    execFileSync('prlimit', ['--pid', `${process.pid}`, `--as=${most}:unlimited`])
  limit(`${used + room}`)
  const end = await told(act)
  limit('unlimited')
  return end
}

const attacks: Record<string, (device: Device, stream: Stream) => unknown> = {
  'index abcd': (device, stream) => index(device, stream, 'abcd'),
  'index acdb': (device, stream) => index(device, stream, 'acdb'),
  'large blocks': (_, stream) => {
    const shape = [1, 1, 1, 1]
    const x = { shape, dtype: 'f32', layout: 'abcd' } as const
    const y = { ...x, layout: 'Abcd2048a2048a2048a2048a2048a2048a' }
    return told(() => stream.prepare('reorder', {}, { x, y }))
  },
  'large winograd': (_, stream) => {
    const x = { shape: [2 ** 20, 2 ** 19, 1, 1], dtype: 'f32', layout: 'abcd' } as const
    const y = { ...x, layout: 'winograd4096x4096s4096p4096' }
    return told(() => stream.prepare('reorder', {}, { x, y }))
  },
  'long pooling': async (_, stream) => {
    const x = { shape: [1, 3, 2147483647, 8], dtype: 'f32' } as const
    const result = await told(() => stream.prepare('max_pool', {}, { x }))
    return [result, process.memoryUsage().rss < 2 ** 30]
  },
  'large window': (_, stream) => {
    const x = { shape: [1, 1, 4, 4], dtype: 'f32' } as const
    const fields = { kernel: [2 ** 32, 2 ** 32], padding: [0, 2 ** 32 - 1, 0, 2 ** 32 - 1] }
    return told(() => stream.prepare('max_pool', fields, { x }))
  },
  'other streams': async (device, stream) => {
    const other = device.stream()
    const ids = [stream, other].map(({ id }) => id)
    native.beginRecord(device.id, ids)
    const tries = [
      await told(() => native.endRecord(device.id, [other.id], true)),
      await told(() => native.beginRecord(device.id, ids)),
      await told(() => native.closeDevice(device.id, 0))
    ]
    native.endRecord(device.id, ids, false)
    tries.push(await told(() => native.endRecord(device.id, ids, false)))
    await stream.synchronize()
    return tries
  },
  'twice the same stream': async (device, stream) => {
    const tried = await told(() => native.beginRecord(device.id, [stream.id, stream.id]))
    await stream.synchronize()
    return tried
  },
  'recorded by two devices': async (device, stream) => {
    const other = await open('cpu:1', { threads: 1 })
    native.beginRecord(device.id, [stream.id])
    const tried = await told(() => native.beginRecord(other.id, [stream.id]))
    native.endRecord(device.id, [stream.id], false)
    await other.close()
    return tried
  },
  'scratch anywhere': async (device, stream) => {
    const spec = { shape: [512, 512], dtype: 'f32', layout: 'ab' } as const
    const op = await stream.prepare('gemm', {}, { c: spec, a: spec, b: spec })
    const matrix = () => device.allocate(4 * 512 * 512).tensor(spec)
    const [a, b, c] = [matrix(), matrix(), matrix()]
    kept.push(a, b, c)
    const room = device.allocate(op.scratch + 4 * 512 * 512)
    const at = (offset: number) =>
      room.tensor({ shape: [op.scratch], dtype: 'u8', offset, bytes: op.scratch })
    return [
      await told(() => stream.run(op, { c, a, b }, at(4))),
      await told(() => stream.run(op, { c: room.tensor(spec), a, b }, at(0)))
    ]
  },
  // The stack of a thread takes 8 MB; those of threads that have ended are used first.
  'no thread': (device) =>
    short(7e6, () => {
      for (let i = 0; i < 64; i++) device.stream()
    }),
  /** With so many threads, and so many MiB of address space. */
  'no team': async (device) => {
    const [threads = 0, room = 0] = numbers.map(Number)
    const stream = device.stream({ threads })
    const x = { shape: [2 ** 20], dtype: 'f32' } as const
    const y = device.allocate(4 * 2 ** 20).tensor(x)
    const one = device.stream({ threads: 1 })
    const op = await one.prepare('relu', {}, { y, x: y })
    return short(room * 2 ** 20, () => {
      stream.run(op, { y, x: y })
      return stream.synchronize()
    })
  },
  'old event': async (device, stream) => {
    const event = device.event()
    const other = device.stream()
    record([stream], () => stream.record(event))
    return told(() => record([other], () => other.wait(event)))
  },
  numbers: async (device) => [
    await told(() => native.openStream(device.id, 2 ** 40, false)),
    await told(() => native.openStream(device.id, 0, false)),
    await told(() => native.closeBuffer(Number.NaN)),
    await told(() => native.closeBuffer(-1e300)),
    await told(() => native.closeBuffer(1e300))
  ],
  records: async (device) => {
    const file = native.openFile('package.json')
    const loader = native.openLoader(1)
    const staging = device.staging(4096)
    const load = (record: readonly number[], channels = 3, jpeg = true) =>
      told(() =>
        settled((ticket) =>
          native.load(
            loader,
            ticket,
            Float64Array.from(record),
            jpeg,
            [32, 32, channels],
            staging.id,
            0
          )
        )
      )
    return [
      await load([file, 0, 10, -1], 2),
      await load([file, -1, 10, -1]),
      await load([file, Number.NaN, 10, -1]),
      await load([file, 0, 1e300, -1]),
      await load([file, 0, 10, Number.NaN])
    ]
  },
  /** A file that is cut short and made whole again while a thread reads an image of 12 MB of it. */
  'cut short': async (device) => {
    const folder = mkdtempSync(join(tmpdir(), 'alexnode-'))
    const path = join(folder, 'shard')
    const bytes = 2048 * 2048 * 3
    writeFileSync(path, new Uint8Array(bytes))
    const file = native.openFile(path)
    const loader = native.openLoader(1)
    const staging = device.staging(bytes)
    kept.push(staging)
    const record = Float64Array.of(file, 0, bytes, -1)
    const ends = new Set<string>()
    const end = performance.now() + 3000
    while (performance.now() < end && ends.size < 2) {
      const load = told(() =>
        settled((ticket) =>
          native.load(loader, ticket, record, false, [2048, 2048, 3], staging.id, 0)
        )
      )
      for (let i = 0; i < 20; i++) {
        truncateSync(path, 4096)
        await setTimeout(0.2)
        truncateSync(path, bytes)
      }
      ends.add((await load).replace(/\d+/g, 'N'))
    }
    rmSync(folder, { recursive: true })
    return [...ends].sort()
  },
  pipe: () => {
    const folder = mkdtempSync(join(tmpdir(), 'alexnode-'))
    const path = join(folder, 'pipe')
    execFileSync('mkfifo', [path])
    return told(() => native.openFile(path)).finally(() => rmSync(folder, { recursive: true }))
  },
  'many records': async (device) => {
    const loader = native.openLoader(1)
    const staging = device.staging(4096)
    kept.push(staging)
    // 2^20 images of 2^45 bytes are 2^65 bytes, which wrap around to none.
    const records = new Float64Array(4 * 2 ** 20)
    return told(() =>
      settled((ticket) =>
        native.load(loader, ticket, records, false, [32768, 32768, 32768], staging.id, 0)
      )
    )
  }
}

const device = await open('cpu', { threads: 1 })
const stream = device.stream()
const attack = attacks[name]
if (!attack) throw new Error(`expected an attack, got '${name}'`)
console.log(JSON.stringify(await attack(device, stream)))
// Holds them until then, as an emptied list would not.
process.once('exit', () => kept.splice(0))
