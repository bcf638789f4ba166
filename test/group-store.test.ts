// The store by which ranks meet: real sockets, in one process and between processes.
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { GroupError, RankGoneError } from '../lib/group/errors.ts'
import type { Identity } from '../lib/group/identity.ts'
import {
  answer,
  believe,
  GREETING_BYTES,
  Keys,
  VERDICT_BYTES,
  VERDICTS
} from '../lib/group/store/proof.ts'
import { joinStore, type Store } from '../lib/group/store/store.ts'
import { readExactly } from '../lib/group/store/wire.ts'
import { freePort } from './free-port.ts'

async function listening(server: Server, port = 0): Promise<number> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

const base = {
  ...{ localRank: 0, localSize: 1, host: '127.0.0.1', agent: false, runId: 'run' },
  ...{ launcher: 'environment' as const, restarts: 0, secret: 'open sesame' }
}
type Some = Partial<Identity> & Pick<Identity, 'rank' | 'size' | 'port'>
const identity = (some: Some): Identity => ({ ...base, localSize: some.size, ...some })

/** All ranks of a group, in this process. */
async function group(size: number, timeout = 5, more: Partial<Identity> = {}): Promise<Store[]> {
  const port = more.port ?? (await freePort())
  return Promise.all(
    Array.from({ length: size }, (_, rank) => {
      return joinStore({ identity: identity({ rank, size, port, ...more }), timeout })
    })
  )
}

const close = (stores: readonly Store[]) => Promise.all(stores.map((store) => store.close()))
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()
/** A call that fails, perhaps before it is looked at. */
async function lost(call: Promise<unknown> | undefined): Promise<void> {
  await call
}
/** The message of each rank that was refused. */
async function refused(joins: readonly Promise<Store>[]): Promise<string[]> {
  const all = await Promise.allSettled(joins)
  return all.map((one) => {
    if (one.status === 'fulfilled') throw new Error('expected a refusal')
    if (!(one.reason instanceof GroupError)) throw one.reason
    return one.reason.message
  })
}

for (const size of [1, 3]) {
  t.test(`${size} ranks`, async (t) => {
    const stores = await group(size)
    t.strictSame(
      stores.map(({ rank, hosts }) => [rank, hosts.length]),
      stores.map((_, rank) => [rank, size])
    )
    const last = stores[size - 1]
    const waiting = stores.map((store) => store.get('a'))
    await last?.set('a', Buffer.from('value'))
    t.strictSame((await Promise.all(waiting)).map(text), Array(size).fill('value'))
    for (let round = 0; round < 3; round++) {
      const all = await Promise.all(
        stores.map((store) => store.exchange('x', Buffer.from(`${round} of ${store.rank}`)))
      )
      const expected = stores.map(({ rank }) => `${round} of ${rank}`)
      for (const one of all) t.strictSame(one.map(text), expected)
    }
    const empty = await Promise.all(
      stores.map((store) => store.exchange('', Buffer.of()).catch(() => []))
    )
    t.strictSame(empty, Array(size).fill([]), 'a name is needed')
    const big = Buffer.alloc(Math.floor((16 * 2 ** 20) / size), 7)
    const all = await Promise.all(stores.map((store) => store.exchange('big', big)))
    for (const one of all) t.ok(one.every((part) => big.equals(part)))
    await Promise.all(stores.map((store) => store.same('options', { batch: '8', net: 'cifar' })))
    await close(stores)
    await t.rejects(lost(stores[0]?.get('a')), {
      message: /open store, got a closed one/
    })
    t.notOk(
      stores.some(({ gone }) => gone.aborted),
      'a close is no failure'
    )
  })
}

t.test('what differs is told on all ranks', async (t) => {
  const stores = await group(3)
  const host = stores[0]?.hosts[0] ?? ''
  const told = await refusedSame(stores)
  const message =
    `[group] options: expected the same on all ranks: batch is 8 on ranks 0, 2 on ${host}, 16 on rank 1 on ` +
    `${host}; more is nothing on ranks 0, 1 on ${host}, yes on rank 2 on ${host}`
  t.strictSame(told, Array(3).fill(message))
  await close(stores)

  const port = await freePort()
  const hello = ['0.1.0', '0.2.0'].map((version, rank) => {
    return joinStore({
      identity: identity({ rank, size: 2, port }),
      timeout: 5,
      hello: { version }
    })
  })
  const differ = `[group] the ranks differ: version is 0.1.0 on rank 0 on ${host}, 0.2.0 on rank 1 on ${host}`
  t.strictSame(await refused(hello), [differ, differ])
})

async function refusedSame(stores: readonly Store[]): Promise<string[]> {
  const facts = [{ batch: '8' }, { batch: '16' }, { batch: '8', more: 'yes' }]
  const all = await Promise.allSettled(
    stores.map((store, rank) => store.same('options', facts[rank] ?? {}))
  )
  return all.map((one) => (one.status === 'rejected' ? one.reason.message : ''))
}

t.test('waits end, and name who did not come', async (t) => {
  const stores = await group(3, 5)
  const [zero, one, two] = stores
  const host = zero?.hosts[0]
  await zero?.set('id/0', Buffer.of(1))
  const options = { timeout: 0.2 }
  await t.rejects(lost(two?.get('id/1', options)), {
    name: 'GroupError',
    message: `[group] get('id/1'): expected an answer within 0.2 s, got none: ranks 1, 2 on ${host} did not set id/…`
  })
  await t.rejects(lost(two?.get('x', options)), { message: /no rank set it$/ })
  const waiting = [zero, two].map((store) => store?.exchange('e', Buffer.of(1), options))
  for (const wait of await Promise.allSettled(waiting)) {
    t.match(wait, {
      reason: { message: /within 0.2 s, got none: rank 1 on .* did not take part$/ }
    })
  }
  const last = lost(one?.exchange('of the last', Buffer.of(1)))
  const key = lost(one?.get('id/2'))
  for (const call of [last, key]) call.catch(() => {})
  await sleep(50)
  await two?.close()
  await t.rejects(last, { message: /rank 2 on .* closed the store before$/ })
  await t.rejects(key, { message: /rank 2 on .* closed the store before$/ })
  await t.rejects(lost(one?.exchange('later', Buffer.of())), {
    message: /closed the store/
  })
  const open = lost(one?.get('open'))
  open.catch(() => {})
  await sleep(50)
  await zero?.close()
  await t.rejects(open, { message: '[group] rank 0 closed the store' })
  t.notOk(one?.gone.aborted)
  await one?.close()
})

t.test('a rank that does not come is named', async (t) => {
  const port = await freePort()
  const begun = performance.now()
  const joins = [0, 2].map((rank) =>
    joinStore({ identity: identity({ rank, size: 3, port }), timeout: 0.5 })
  )
  const message = `[group] rank 1 of 3 did not come to 127.0.0.1:${port} within 0.5 s`
  t.strictSame(await refused(joins), [message, message])
  t.ok(performance.now() - begun < 5000)

  const [alone] = await refused([
    joinStore({ identity: identity({ rank: 1, size: 2, port }), timeout: 0.5 })
  ])
  t.match(
    alone,
    `[group] rank 1 of 2: expected rank 0 at 127.0.0.1:${port} within 0.5 s, got connection refused: look`
  )
  const unknown = { rank: 1, size: 2, port, host: 'no-such-host.invalid' }
  const [nowhere] = await refused([joinStore({ identity: identity(unknown), timeout: 0.5 })])
  t.match(nowhere, /within 0.5 s, got (no machine of the name no-such-host.invalid|getaddrinfo)/)
})

t.test('numbers, sizes and secrets that do not fit', async (t) => {
  const port = await freePort()
  const joined = (some: Partial<Identity>, timeout = 5) =>
    joinStore({ identity: identity({ rank: 1, size: 3, port, ...some }), timeout })
  const twice = await refused([joined({ rank: 0 }), joined({}), joined({})])
  t.match(twice, Array(3).fill(/two processes were started as rank 1, both on /))
  const sizes = await refused([joined({ rank: 0 }), joined({ size: 2 })])
  t.match(sizes, Array(2).fill(/rank 1 on \S+ was started as one of 2, rank 0 on \S+ as one of 3/))

  const zero = joined({ rank: 0 }, 4)
  const begun = performance.now()
  const [other] = await refused([joined({ secret: 'wrong' })])
  t.match(other, /rank 1: expected the secret that rank 0 has, got another: set the same ALEXNODE_/)
  const { secret: _, ...open } = identity({ rank: 1, size: 3, port })
  t.match(await refused([joinStore({ identity: open })]), [/got none: set the same/])
  t.ok(performance.now() - begun < 3500, 'at once, not after 4 or 5 s')
  t.match(await refused([joined({ runId: 'other' }, 0.3)]), [/got the store of another run/])
  t.match(await refused([joined({ restarts: 1 }, 0.3)]), [/got the store of another run/])
  t.match(await refused([zero]), [/did not come to .*; one from 127.0.0.1 belongs to another run$/])
})

t.test('without a secret the name of the run counts', async (t) => {
  const port = await freePort()
  const joins = [0, 1].map((rank) => {
    const { secret: _, ...open } = identity({ rank, size: 2, port })
    return joinStore({ identity: open, timeout: 5 })
  })
  const stores = await Promise.all(joins)
  t.equal(stores.length, 2)
  await close(stores)
})

t.test('a port in use', async (t) => {
  const server = createServer()
  const port = await listening(server)
  t.teardown(() => server.close())
  const joins = [joinStore({ identity: identity({ rank: 0, size: 2, port }) })]
  t.match(await refused(joins), [
    `[group] expected a free port for rank 0 on 127.0.0.1, got port ${port} in use, by another program`
  ])
  const elsewhere = { rank: 0, size: 2, port: await freePort(), host: '192.0.2.77' }
  t.match(await refused([joinStore({ identity: identity(elsewhere) })]), [
    /expected MASTER_ADDR to be an address of this machine, on which rank 0 runs, got 192.0.2.77/
  ])
  const unknown = { ...elsewhere, host: 'no-such-host.invalid' }
  t.match(await refused([joinStore({ identity: identity(unknown) })]), [
    /this machine does not know/
  ])
  const wide = { ...elsewhere, size: 2, localSize: 1, host: 'localhost' }
  t.match(await refused([joinStore({ identity: identity(wide), timeout: 0.3 })]), [
    /did not come to .*; localhost is reached by processes of this machine alone/
  ])
})

t.test('two that were started as rank 0', async (t) => {
  const port = await freePort()
  const first = joinStore({ identity: identity({ rank: 0, size: 2, port }), timeout: 10 })
  first.catch(() => {})
  await sleep(100)
  const second = joinStore({ identity: identity({ rank: 0, size: 2, port }), timeout: 10 })
  t.match(
    await refused([first, second]),
    Array(2).fill(/two processes were started as rank 0, both on/)
  )
})

t.test('beside an agent', async (t) => {
  // An agent on the port, a silent program and one that talks on the next ones.
  const agent = createServer()
  const port = await listening(agent)
  const silent = createServer(() => {})
  const talks = createServer((socket) =>
    socket.on('error', () => {}).write('220 mail\r\n'.repeat(20))
  )
  t.teardown(() => [agent, silent, talks].map((server) => server.close()))
  try {
    await listening(silent, port + 1)
    await listening(talks, port + 2)
  } catch {
    t.comment(`ports after ${port} are in use`)
    return t.pass()
  }
  const stores = await group(2, 10, { port, agent: true })
  t.strictSame(
    (await Promise.all(stores.map((store) => store.exchange('x', Buffer.from('y')))))
      .flat()
      .map(text),
    Array(4).fill('y')
  )
  await close(stores)
})

t.test('hostile bytes do not disturb it', async (t) => {
  const port = await freePort()
  const zero = joinStore({ identity: identity({ rank: 0, size: 2, port }), timeout: 10 })
  await sleep(100)
  const closed = async (bytes: Uint8Array) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    socket.write(bytes)
    await once(socket, 'close')
  }
  await closed(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.padEnd(300)))
  await closed(Buffer.alloc(100_000, 0xff))
  const silent = connect(port, '127.0.0.1')
  silent.on('error', () => {})
  const one = await joinStore({ identity: identity({ rank: 1, size: 2, port }), timeout: 10 })
  t.equal(one.hosts.length, 2)
  await close([one, await zero])
  silent.destroy()
})

/** Connects, proves that it belongs here, and then says what it likes. */
async function proved(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  const keys = new Keys(identity({ rank: 1, size: 2, port }))
  const hello = await readExactly(socket, GREETING_BYTES, 5000)
  const own = answer(keys, hello)
  socket.write(own)
  const verdict = believe(keys, hello, own, await readExactly(socket, VERDICT_BYTES, 5000))
  if (verdict !== 'welcome') throw new Error(verdict)
  return socket
}

/** A message whose sizes are as given. */
function sized(all: number, head: number, text: string): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32BE(all, 0)
  bytes.writeUInt32BE(head, 4)
  return Buffer.concat([bytes, Buffer.from(text)])
}
const message = (text: string) => sized(4 + text.length, text.length, text)
const noMessages: Readonly<Record<string, Buffer>> = {
  'no sizes': Buffer.from('GET / HTTP/1.1'),
  'too long': sized(0xffffffff, 4, ''),
  'a head beyond the message': sized(8, 100, 'abcd'),
  'too short for a head': Buffer.concat([Buffer.from([0, 0, 0, 2]), Buffer.from('ab')]),
  'no JSON': message('{"t":'),
  'no object': message('[1]'),
  'an unknown kind': message('{"t":"no"}'),
  'a wrong field': message('{"t":"get","id":1,"key":7,"seconds":1}'),
  'a second join': message('{"t":"join","rank":1,"size":2,"host":"h","facts":{}}')
}

t.test('what is no message, of one that belongs here', async (t) => {
  for (const [what, bytes] of Object.entries(noMessages)) {
    const port = await freePort()
    const zero = joinStore({ identity: identity({ rank: 0, size: 2, port }), timeout: 10 })
    await sleep(20)
    if (what !== 'a second join') {
      const before = await proved(port)
      const closed = once(before.resume(), 'close')
      before.end(bytes)
      await closed
    }
    const one = await proved(port)
    one.write(message('{"t":"join","rank":1,"size":2,"host":"h","facts":{}}'))
    const store = await zero
    one.resume().write(bytes)
    if (!store.gone.aborted) await once(store.gone, 'abort')
    const reason = store.gone.reason
    t.match(
      reason,
      {
        rank: 1,
        host: 'h',
        reason: /^sent (bytes that are|what is) no message$|^sent a message of \d+ bytes; at most/
      },
      what
    )
    await store.close()
  }
})

t.test('a recorded proof is of no use', async (t) => {
  const port = await freePort()
  const zero = joinStore({ identity: identity({ rank: 0, size: 2, port }), timeout: 0.5 })
  await sleep(20)
  const keys = new Keys(identity({ rank: 1, size: 2, port }))
  const [first, second] = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')]
  const hello = await readExactly(first, GREETING_BYTES, 5000)
  const other = await readExactly(second, GREETING_BYTES, 5000)
  t.notOk(hello.equals(other))
  const recorded = answer(keys, hello)
  second.write(recorded)
  const verdict = await readExactly(second, VERDICT_BYTES, 5000)
  t.equal(VERDICTS[verdict[0] ?? 0], 'another run')
  t.ok(
    verdict.subarray(1).every((byte) => byte === 0),
    'and rank 0 proves nothing to it'
  )
  // Rank 0 has to know the secret, too.
  const fake = Buffer.concat([Buffer.of(0), Buffer.alloc(32, 1)])
  t.equal(believe(keys, hello, recorded, fake), 'another secret')
  first.destroy()
  second.destroy()
  await refused([zero])
})

t.test('a rank that ends without a word', async (t) => {
  const [zero, one] = await group(2)
  const waiting = lost(zero?.get('never'))
  waiting.catch(() => {})
  // What a crash does: the system closes the connection.
  await one?.fail('its disk is full')
  await t.rejects(waiting, { name: 'RankGoneError', rank: 1 })
  t.ok(zero?.gone.reason instanceof RankGoneError)
  t.match(zero?.gone.reason, { message: /^\[group\] rank 1 on \S+ failed: its disk is full$/ })
  await t.rejects(lost(zero?.set('a', Buffer.of())), { name: 'RankGoneError' })
  await zero?.close()
})

t.test('wrong calls', async (t) => {
  await t.rejects(
    Reflect.apply(joinStore, undefined, [{}]),
    /identity: expected an object, got none/
  )
  const [store] = await group(1)
  const long = 'k'.repeat(1025)
  await t.rejects(lost(store?.set(long, Buffer.of())), /at most 1024 characters/)
  const huge = new Uint8Array(16 * 2 ** 20 + 1)
  await t.rejects(lost(store?.set('a', huge)), /at most 16777216 bytes, got 16777217/)
  await t.rejects(lost(store?.exchange('a', huge)), /at most 16777216 bytes/)
  await t.rejects(lost(store?.get('a', { timeout: 0 })), /timeout: expected a number/)
  await store?.close()
})
