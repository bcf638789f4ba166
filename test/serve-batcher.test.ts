// How pictures are joined into batches, on a device that does what the test says.
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { Batcher } from '../lib/use/answering/batcher.ts'
import { Limiter } from '../lib/use/answering/limiter.ts'

const { signal } = new AbortController()
const picture = (i: number) => Uint8Array.of(i)

/** A device that gives each picture's first byte, when `finish` is called. */
function device(batch: number) {
  const batches: number[][] = []
  const finish: ((error?: Error) => void)[] = []
  return {
    batch,
    batches,
    finish,
    async queue(pictures: readonly Uint8Array[]) {
      batches.push(pictures.map(([byte = 0]) => byte))
      const done = new Promise<Float32Array[]>((resolve, reject) => {
        finish.push((error) =>
          error ? reject(error) : resolve(pictures.map((one) => Float32Array.from(one)))
        )
      })
      return { done }
    }
  }
}

t.test('full batches at once, two in flight, the rest when one is done', async (t) => {
  const one = device(2)
  const batcher = new Batcher(one, { waitMs: 60_000 })
  const asked = [0, 1, 2, 3, 4, 5].map((i) => batcher.classify(picture(i), signal))
  await wait(5)
  t.strictSame(one.batches, [
    [0, 1],
    [2, 3]
  ])
  one.finish[0]?.()
  await wait(5)
  t.strictSame(one.batches[2], [4, 5])
  for (const finish of one.finish) finish()
  const rows = await Promise.all(asked)
  t.strictSame(
    rows.map(([value]) => value),
    [0, 1, 2, 3, 4, 5],
    'each gets its own'
  )
})

t.test('a part of a batch waits for others, and no longer than it should', async (t) => {
  const one = device(4)
  const batcher = new Batcher(one, { waitMs: 30 })
  const first = batcher.classify(picture(1), signal)
  await wait(5)
  t.strictSame(one.batches, [])
  const gone = AbortSignal.abort(new Error('gone'))
  const dropped = t.rejects(batcher.classify(picture(2), gone), /gone/)
  const second = batcher.classify(picture(3), signal)
  while (one.batches.length === 0) await wait(1)
  t.strictSame(one.batches, [[1, 3]], 'without the one that nobody waits for')
  one.finish[0]?.()
  await Promise.all([first, second, dropped])
})

t.test('a batch that fails', async (t) => {
  const one = device(1)
  const batcher = new Batcher(one, { waitMs: 0 })
  const failing = batcher.classify(picture(1), signal)
  await wait(5)
  one.finish[0]?.(new Error('no memory'))
  await t.rejects(failing, /no memory/)
  t.match(batcher.error, /no memory/)
  const next = batcher.classify(picture(2), signal)
  await wait(5)
  one.finish[1]?.()
  t.strictSame([...(await next)], [2], 'the next is computed')
  t.equal(batcher.error, undefined)
})

t.test('a limiter', async (t) => {
  const limiter = new Limiter(2)
  let now = 0
  let most = 0
  const work = async () => {
    most = Math.max(most, ++now)
    await wait(2)
    now--
    if (most === 1) throw new Error('failed')
  }
  await Promise.allSettled(Array.from({ length: 9 }, () => limiter.run(work)))
  t.strictSame([most, now], [2, 0])
})
