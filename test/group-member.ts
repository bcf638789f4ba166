/** A process of a group, for tests: it joins by its environment, then does what its argument says, a JSON line for each. */
import { setTimeout as sleep } from 'node:timers/promises'
import { identityOf } from '../lib/group/identity.ts'
import { joinStore } from '../lib/group/store/store.ts'

const [what = '', timeout = '5', hello = '{}'] = process.argv.slice(2)
const say = (object: object) => process.stdout.write(`${JSON.stringify(object)}\n`)
const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

try {
  const identity = identityOf()
  if (!identity) throw new Error('no identity')
  const store = await joinStore({ identity, timeout: Number(timeout), hello: JSON.parse(hello) })
  const { rank } = store
  say({ joined: rank, hosts: store.hosts.length })
  const tell = () => {
    const { rank, host, reason, message } = store.gone.reason
    say({ gone: rank, host, reason, message })
  }
  if (store.gone.aborted) tell()
  else store.gone.addEventListener('abort', tell)
  if (what === 'exchange') {
    const all = await store.exchange('ids', Buffer.from(`id ${rank}`))
    say({ all: all.map((one) => Buffer.from(one).toString()) })
    await store.same('options', { batch: '8' })
    await store.close()
  } else if (what === 'forget') await store.set(`key/${rank}`, Buffer.of(1))
  else if (what === 'hang' && rank === 1) for (;;) {}
  else if (what === 'fail' && rank === 1) await store.fail('its disk is full')
  else if (what === 'wait')
    await store.get('never').catch((error) => say({ error: messageOf(error) }))
  else {
    await sleep(20_000, undefined, { signal: store.gone }).catch(() => {})
    await store.close()
  }
} catch (error) {
  say({ error: messageOf(error) })
  process.exitCode = 1
}
