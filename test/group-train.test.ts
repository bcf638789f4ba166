// Several processes train one net: the same course as one process, and the same bits on all.
import { existsSync } from 'node:fs'
import t from 'tap'
import { freePort } from './free-port.ts'
import { objects, Running } from './programs.ts'

const library = 'build/Release/libalexnode_gloo.so'
const skip = existsSync(library) ? false : `no libgloo: ${library} was not made`

interface Told {
  readonly rank: number
  readonly losses: readonly number[]
  readonly hash: string
  readonly loss: number
  readonly top1: number
  readonly images: number
  readonly rows: readonly number[]
}

/** What each rank of a group says at its end. */
async function ranks(count: number, ...args: string[]): Promise<Told[]> {
  const port = await freePort()
  const all = Array.from({ length: count }, (_, rank) => {
    const env = { RANK: `${rank}`, WORLD_SIZE: `${count}`, LOCAL_RANK: `${rank}` }
    const where = { LOCAL_WORLD_SIZE: `${count}`, MASTER_ADDR: '127.0.0.1', MASTER_PORT: `${port}` }
    return new Running('test/group-ranks.ts', args, count > 1 ? { ...env, ...where } : {})
  })
  const ended = await Promise.all(all.map(({ ended }) => ended))
  return ended.map(({ code, out, err }) => {
    if (code !== 0) throw new Error(err)
    return objects(out)[0] as unknown as Told
  })
}

const furthest = (a: readonly number[], b: readonly number[]) =>
  Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? Number.NaN))))

t.test('alexnet by two and three ranks, as by one', { skip }, async (t) => {
  const [one] = await ranks(1, 'alexnet')
  if (!one) throw new Error('nothing was said')
  t.equal(one.losses.length, 10)
  // Batches of 12, the last of 4; tests by 8, the last of 2: a rank of three has one image, or none.
  for (const count of [2, 3]) {
    const all = await ranks(count, 'alexnet')
    for (const { rank, losses, hash, loss, top1, images, rows } of all) {
      t.ok(furthest(losses, one.losses) < 1e-5, `${rank} of ${count}: ${losses}, ${one.losses}`)
      t.equal(hash, all[0]?.hash, 'all hold the same bits')
      t.ok(Math.abs(loss - one.loss) < 1e-5)
      t.equal(top1, one.top1)
      t.equal(images, 50)
      t.strictSame(rows, one.rows, 'each gets all predictions')
    }
  }
})

t.test('gradients that are accumulated are summed once a step', { skip }, async (t) => {
  const options = JSON.stringify({ accumulate: 3, batch: 8, steps: 4 })
  const [one] = await ranks(1, 'alexnet', options)
  const [two, other] = await ranks(2, 'alexnet', options)
  t.ok(furthest(two?.losses ?? [], one?.losses ?? []) < 1e-5, `${two?.losses}, ${one?.losses}`)
  t.equal(two?.losses.length, 4)
  t.equal(two?.hash, other?.hash)
})

t.test(
  'batch norm: of each rank, its running statistics those of the first',
  { skip },
  async (t) => {
    const [two, other] = await ranks(2, 'cifar', JSON.stringify({ size: 28, steps: 4 }))
    t.equal(two?.losses.length, 4)
    t.equal(two?.hash, other?.hash)
  }
)
