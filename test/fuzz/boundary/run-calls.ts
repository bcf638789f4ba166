/** Makes calls of the addon as a case says, closes what is open then, and sees that all promises settle. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { native, settled } from '../../../lib/native/binding.ts'
import type { PreparedInfo } from '../../../lib/native/op-info.ts'
import { type Calls, decoded } from './case.ts'
import { closeDevice, onCuda, openDevice } from './device.ts'
import { badWords } from './run-op.ts'

/** A promise that takes longer has been forgotten. */
const LIMIT_MS = 5000

const functions = native as unknown as Record<string, (...args: unknown[]) => unknown>
const folder = mkdtempSync(join(tmpdir(), 'alexnode-fuzz-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const shard = join(folder, 'shard')
writeFileSync(shard, new Uint8Array(4096))

const spec = { shape: [16], dtype: 'f32' } as const
const relu = (stream: number) =>
  settled<PreparedInfo>((ticket) => native.prepare(stream, ticket, 'relu', {}, [spec, spec]))

/** @returns what is wrong, if anything is */
export async function runCalls({ calls }: Calls): Promise<string | undefined> {
  const names = new Map<string, number>()
  const pending: Promise<unknown>[] = []
  let bad: string | undefined
  const wait = (promise: Promise<unknown>) => {
    pending.push(promise.catch((error: unknown) => (bad ??= badWords(error))))
  }
  const device = await openDevice()
  const spare = [await openDevice(), await openDevice()]
  const stream = native.openStream(device, 1, false)
  const op = await relu(stream)
  for (const { name, args, as } of calls) {
    const given = args.map((arg) => (arg === '$ticket' ? arg : decoded(arg, names)))
    const call = (ticket?: number) => {
      const all = given.map((arg) => (arg === '$ticket' ? ticket : arg))
      const made = name === 'openCpu' ? spare.shift() : once(name, all, op.id)
      if (as !== undefined && typeof made === 'number') names.set(as, made)
    }
    try {
      if (args.includes('$ticket')) wait(settled(call))
      else call()
    } catch (error) {
      bad ??= badWords(error)
    }
  }
  closeAll(names, wait)
  native.closeOp(op.id)
  wait(settled((ticket) => native.closeStream(stream, ticket)))
  const late = sleep(LIMIT_MS, 'late', { ref: false })
  if ((await Promise.race([Promise.all(pending), late])) === 'late') {
    return `a promise did not settle within ${LIMIT_MS / 1000} s`
  }
  for (const [name, id] of names) {
    if (!/^(device|second)$/.test(name)) continue
    try {
      const live = await lastingBytes(id)
      if (live !== 0) bad ??= `${live} bytes of ${name} are left`
      await closeDevice(id)
    } catch (error) {
      bad ??= badWords(error)
    }
  }
  for (const id of [device, ...spare]) await closeDevice(id)
  return bad
}

/** Bytes of a device that stay. A CPU's are back when the last promise has settled; a GPU gives them back in its time. */
async function lastingBytes(device: number): Promise<number> {
  let live = native.deviceMemory(device).live
  for (let i = 0; onCuda && live !== 0 && i < 50; i++) {
    await sleep(20)
    live = native.deviceMemory(device).live
  }
  return live
}

function once(name: string, args: readonly unknown[], op: number): unknown {
  switch (name) {
    case 'openShard':
      return native.openFile(shard)
    case 'writeBuffer':
      return functions.writeBuffer?.(
        args[0],
        args[1],
        new Uint8Array(Math.min(8192, count(args[2])))
      )
    case 'relu':
      return functions.run?.(args[0], op, Float64Array.from([...args.slice(1), 0, 0].map(Number)))
    case 'load': {
      const [loader, ticket, file, offset, bytes, crc, jpeg, shape, buffer, to] = args
      const record = Float64Array.from([file, offset, bytes, crc].map(Number))
      return functions.load?.(loader, ticket, record, jpeg, shape, buffer, to)
    }
    default:
      return functions[name]?.(...args)
  }
}

const count = (value: unknown) => (Number(value) >= 0 ? Math.floor(Number(value)) : 0)

/** Ends recordings and closes what was made; what is closed already, or cannot be closed yet, is an error. */
function closeAll(names: ReadonlyMap<string, number>, wait: (promise: Promise<unknown>) => void) {
  const ids = (kind: string) =>
    [...names].filter(([name]) => name.startsWith(kind)).map(([, id]) => id)
  const quietly = (act: () => unknown) => {
    try {
      act()
    } catch {}
  }
  const streams = [...ids('stream'), ...ids('other'), ...ids('far')]
  const [a, b, far] = ['stream', 'other', 'far'].map((name) => names.get(name) ?? 0)
  for (const device of ids('device').concat(ids('second'))) {
    for (const list of [[a], [b], [a, b], [b, a], [far], [a, far]]) {
      quietly(() => native.endRecord(device, list as number[], false))
    }
  }
  for (const program of ids('program')) quietly(() => native.closeProgram(program))
  for (const stream of streams) {
    wait(settled((ticket) => native.closeStream(stream, ticket)))
  }
  for (const buffer of ids('buffer')) quietly(() => native.closeBuffer(buffer))
  for (const event of ids('event')) quietly(() => native.closeEvent(event))
  for (const loader of ids('loader')) quietly(() => native.closeLoader(loader))
  for (const file of ids('file')) quietly(() => native.closeFile(file))
}
