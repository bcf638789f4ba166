// Bodies that are damaged in every way: the server answers each, and holds no more memory than before. More of them:
// ALEXNODE_BODIES=10000 TAP_TIMEOUT=300 npx tap test/serve-mutated.test.ts
import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { Listening } from '../lib/cli/serve/server.ts'
import { Service } from '../lib/cli/serve/service.ts'
import { open } from '../lib/engine/device.ts'
import { Classifier } from '../lib/use/answering/classifier.ts'
import { openTrained } from '../lib/use/trained.ts'
import { picture } from './photo-files.ts'
import { trainedRun } from './trained-run.ts'

const BODIES = Number(process.env.ALEXNODE_BODIES ?? 400)
const limits = { top: 5, queue: 64, waitMs: 1, workers: 2, maxBytes: 100_000, timeoutMs: 1000 }
const kinds = ['jpeg', 'png', 'webp'] as const
const whole = await Promise.all(kinds.map((kind) => picture(1, { kind })))

/** Numbers from 0 to below `most`, the same in each run. */
let state = 7
function draw(most: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return Math.floor((state / 2 ** 32) * most)
}

/** A picture with some bytes changed, left out, doubled or cut off. */
function mutated(): Buffer {
  const body = Buffer.from(whole[draw(whole.length)] ?? [])
  for (let i = draw(6); i >= 0; i--) body[draw(body.length)] = draw(256)
  const at = draw(body.length)
  const ways = [
    () => body,
    () => body.subarray(0, at),
    () => Buffer.concat([body.subarray(0, at), body.subarray(at + draw(50))]),
    () => Buffer.concat([body, body.subarray(at)])
  ]
  return ways[draw(ways.length)]?.() ?? body
}

/** A body of a form that holds it; its frame may be damaged, too. */
function formed(bytes: Buffer): Buffer {
  const frame = (text: string) => {
    const made = Buffer.from(text)
    if (draw(4) === 0) made[draw(made.length)] = draw(256)
    return made
  }
  const head = '--xyz\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\n'
  return Buffer.concat([frame(head), bytes, frame('\r\n--xyz--\r\n')])
}

t.test('mutated bodies', async (t) => {
  await using device = await open('cpu', { threads: 1 })
  const run = t.testdir()
  await trainedRun(device, run)
  {
    await using trained = await openTrained(run, device, { batch: 8, dtype: 'f32' })
    await using classifier = await Classifier.open(trained)
    const { classes, facts } = trained
    const onError = (error: unknown) => t.error(error, 'no fault of ours')
    const options = { ...limits, classes, form: facts.data, onError }
    const service = new Service(classifier, options)
    const there = { host: '127.0.0.1', port: 0, timeoutMs: 1000, maxConnections: 100 }
    const listening = await Listening.open(service, there)
    const url = `http://127.0.0.1:${listening.port}/predict`
    const counts = new Map<number, number>()
    const ask = async () => {
      const isForm = draw(3) === 0
      const bytes = mutated()
      const type = isForm ? 'multipart/form-data; boundary=xyz' : 'image/jpeg'
      const body = new Uint8Array(isForm ? formed(bytes) : bytes)
      const response = await fetch(url, { method: 'POST', body, headers: { 'content-type': type } })
      await response.json()
      counts.set(response.status, (counts.get(response.status) ?? 0) + 1)
    }
    const askAll = async (bodies: number) => {
      for (let i = 0; i < bodies; i += 8) await Promise.all(Array.from({ length: 8 }, ask))
    }
    await askAll(40)
    const { live, blocks } = device.memory()
    await askAll(BODIES)
    // Those who leave in the middle.
    for (let i = 0; i < 20; i++) {
      const socket = connect(listening.port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write('POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\nabc')
      await once(socket, 'connect')
      socket.destroy()
    }
    t.match(device.memory(), { live, blocks }, 'nothing grows on the device')
    t.strictSame(
      [...counts.keys()].filter((status) => ![200, 400, 415, 422].includes(status)),
      [],
      JSON.stringify([...counts])
    )
    t.ok((counts.get(422) ?? 0) > 50 && (counts.get(200) ?? 0) > 20, 'damaged and whole ones')
    const body = new Uint8Array(whole[0] ?? [])
    const headers = { 'content-type': 'image/jpeg' }
    t.equal((await fetch(url, { method: 'POST', body, headers })).status, 200)
    await listening.close()
  }
  t.match(device.memory(), { live: 0 }, 'all is given back')
})
