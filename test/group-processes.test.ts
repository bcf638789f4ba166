import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { freePort } from './free-port.ts'
import { objects, Running } from './programs.ts'

const program = 'test/group-member.ts'

/** Starts the ranks of a group, and waits until all have joined. */
async function begin(t: Test, size: number, ...args: readonly string[]): Promise<Running[]> {
  const port = await freePort()
  const ranks = Array.from({ length: size }, (_, rank) => {
    return new Running(program, args, {
      RANK: String(rank),
      WORLD_SIZE: String(size),
      MASTER_ADDR: 'localhost',
      MASTER_PORT: String(port),
      ALEXNODE_GROUP_SECRET: 's'
    })
  })
  t.teardown(() => {
    for (const { process } of ranks) process.kill('SIGKILL')
  })
  await Promise.all(ranks.map((rank) => rank.says(/joined/)))
  return ranks
}

/** What the others say of a rank that is gone, and after how many ms. */
async function goneAfter(ranks: readonly Running[], act: () => void) {
  const begun = performance.now()
  act()
  const said = await Promise.all(
    ranks.map(async (rank) => {
      await rank.says(/"gone"/)
      const { out } = await rank.ended
      return objects(out).find((one) => 'gone' in one)
    })
  )
  return { said, ms: performance.now() - begun }
}

for (const killed of [0, 1]) {
  t.test(`rank ${killed} is killed`, async (t) => {
    const ranks = await begin(t, 3, 'stay', '20')
    const others = ranks.filter((_, rank) => rank !== killed)
    const { said, ms } = await goneAfter(others, () => ranks[killed]?.process.kill('SIGKILL'))
    t.match(said, Array(2).fill({ gone: killed, reason: /^ended: / }))
    t.match(
      said,
      Array(2).fill({ message: new RegExp(`^\\[group\\] rank ${killed} on \\S+ ended: `) })
    )
    t.ok(ms < 3000, `${ms} ms`)
  })

  t.test(`rank ${killed} stands still`, async (t) => {
    const ranks = await begin(t, 3, 'stay', '2')
    const others = ranks.filter((_, rank) => rank !== killed)
    const { said, ms } = await goneAfter(others, () => ranks[killed]?.process.kill('SIGSTOP'))
    t.match(
      said,
      Array(2).fill({ gone: killed, reason: /^has been silent for 1.6 s: it hangs, or/ })
    )
    t.ok(ms < 4000, `${ms} ms`)
  })
}

t.test('a rank that loops for ever', async (t) => {
  const ranks = await begin(t, 2, 'hang', '2')
  const { said } = await goneAfter(ranks.slice(0, 1), () => {})
  t.match(said, [{ gone: 1, reason: /^has been silent/ }])
})

t.test('one that was stopped itself takes nobody for gone', async (t) => {
  const [zero, one] = await begin(t, 2, 'stay', '3')
  const both = () => [zero?.process, one?.process]
  for (const process of both()) process?.kill('SIGSTOP')
  await sleep(4000)
  for (const process of both()) process?.kill('SIGCONT')
  await sleep(2000)
  t.strictSame([zero?.process.exitCode, one?.process.exitCode], [null, null])
  for (const process of both()) process?.kill('SIGKILL')
  for (const rank of [zero, one]) t.notMatch((await rank?.ended)?.out, /gone/)
})

t.test('a rank that says why it fails', async (t) => {
  const ranks = await begin(t, 3, 'fail', '20')
  const { said, ms } = await goneAfter(
    [ranks[0], ranks[2]].flatMap((rank) => rank ?? []),
    () => {}
  )
  t.match(said, Array(2).fill({ gone: 1, reason: 'failed: its disk is full' }))
  t.ok(ms < 3000, `${ms} ms`)
})

t.test('processes end by themselves', async (t) => {
  const closed = await begin(t, 3, 'exchange')
  for (const { ended } of closed) {
    const { code, out } = await ended
    t.equal(code, 0)
    t.strictSame(objects(out)[1], { all: ['id 0', 'id 1', 'id 2'] })
  }
  const open = await begin(t, 2, 'forget')
  for (const { ended } of open) t.equal((await ended).code, 0, 'also without close')
})

t.test('a wait that nothing ends', async (t) => {
  const ranks = await begin(t, 1, 'wait', '0.5')
  t.match(
    (await ranks[0]?.ended)?.out,
    /get\('never'\): expected an answer within 0.5 s, got none: no rank/
  )
})
