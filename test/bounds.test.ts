// Calls that no program should make: each is refused or harmless, in a process that lives on and ends.
import t, { type Test } from 'tap'
import { runProgram } from './programs.ts'

/** What an attack of bounds-program.ts told. */
async function attack(t: Test, ...[name, ...numbers]: [string, ...number[]]): Promise<unknown> {
  const args = [name, ...numbers.map(String)]
  const { code, signal, out, err } = await runProgram('test/bounds-program.ts', args)
  t.same({ code, signal, err }, { code: 0, signal: null, err: '' }, `${args.join(' ')} ends well`)
  return out === '' ? undefined : JSON.parse(out)
}

for (const layout of ['abcd', 'acdb']) {
  t.test(`winners of a pooling that lie nowhere, in ${layout}`, async (t) => {
    const dx = [0, 0, 3, ...new Array(13).fill(0)]
    t.same(
      await attack(t, `index ${layout}`),
      dx,
      'they get nothing, and the one that is right all'
    )
  })
}

t.test('sizes that do not fit in 64 bits', async (t) => {
  t.match(await attack(t, 'large blocks'), /\[layout\] expected .* got 'Abcd2048a/)
  t.match(
    await attack(t, 'large winograd'),
    /\[reorder\] y: expected at most 2\^40 elements in memory/
  )
  t.match(await attack(t, 'large window'), /\[max_pool\] expected .* at most 1048576/)
  t.match(await attack(t, 'long pooling'), [/\[max_pool\] .* at most 1048576/, true])
  t.match(await attack(t, 'many records'), /\[memory\] expected at most 2\^40 elements/)
})

t.test('recording', async (t) => {
  t.match(await attack(t, 'other streams'), [
    /\[record\] expected the 2 streams .*beginRecord/,
    /\[record\] a program is being recorded/,
    /\[record\] cannot close/,
    /\[record\] nothing is being recorded/
  ])
  t.match(await attack(t, 'twice the same stream'), /\[record\] expected streams that differ/)
  t.match(await attack(t, 'recorded by two devices'), /being recorded on this stream already/)
  t.match(await attack(t, 'old event'), /not recorded in the same program/)
})

t.test('scratch that is not aligned, or lies in a tensor', async (t) => {
  t.match(await attack(t, 'scratch anywhere'), [
    /scratch: .*multiple of 64/,
    /scratch lies in the memory of c: give it bytes of its own/
  ])
})

const limited = process.platform === 'linux' ? {} : { skip: 'there is no prlimit here' }
t.test('threads that cannot be made', limited, async (t) => {
  t.match(await attack(t, 'no thread'), /\[stream\] the system gives no more threads .*ulimit/)
  t.match(
    await attack(t, 'no team', 64, 64),
    /\[stream of 64 threads\] the system gives no more threads .*ulimit/
  )
})

// OpenMP ends the process where its team gets no thread. The stacks of 15 take 120 MiB; somewhat more is needed.
const rooms = [121, 123, 125, 152, 154, 200]
t.test('a team for which there is just not enough room', limited, async (t) => {
  const ends = new Set<string>()
  for (const room of rooms) {
    const end = String(await attack(t, 'no team', 16, room))
    t.match(end, /^done$|^\[stream of 16 threads\] the system gives no more threads/, `${room} MiB`)
    ends.add(end)
  }
  t.equal(ends.size, 2, 'some rooms are enough, others are not')
})

t.test('files that are no files, or change', async (t) => {
  t.match(await attack(t, 'cut short'), [/^(done|expected N bytes at N, .*)$/])
  t.match(await attack(t, 'pipe'), /\[data\] .*pipe is not a regular file/)
})

t.test('numbers out of range', async (t) => {
  const closed = /\[buffer\] is closed/
  const threads = /threads: expected from 1 to 1024/
  t.match(await attack(t, 'numbers'), [threads, threads, closed, closed, closed])
  t.match(await attack(t, 'records'), [
    /expected 1 or 3 channels/,
    /\[data\] offset: expected .* got -1/,
    /\[data\] offset: expected .* got nan/,
    /\[data\] bytes: expected .* got 1e\+300/,
    /\[data\] crc: expected .* got nan/
  ])
})
