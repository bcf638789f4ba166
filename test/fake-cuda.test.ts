/** The double of CUDA itself: what it shows when a program uses CUDA rightly, and wrongly. */
import { execFileSync, spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { fakeCudaFolder, hasCompiler } from './fake-cuda/build.ts'
import { Control } from './fake-cuda/control.ts'

const root = resolve(import.meta.dirname, '..')
const folder = join(import.meta.dirname, 'fake-cuda')
const canFake = process.platform === 'linux' && hasCompiler
const needsCompiler = { skip: canFake ? false : 'the doubles need Linux and a compiler (c++)' }

t.test("a block's threads", needsCompiler, async (t) => {
  const program = join(t.testdir(), 'blocks')
  execFileSync('c++', [
    ...['-std=c++20', '-O2', '-ffp-contract=off', '-I', join(root, 'native'), '-I', folder],
    ...['-o', program, '-x', 'c++'],
    ...['probe.cu', 'block.cc', 'blocks-program.cc'].map((file) => join(folder, file))
  ])
  const lines = execFileSync(program, { encoding: 'utf8' }).trim().split(/ ?\n/)
  const sum = (from: number) => (256 * (from + from + 255)) / 2
  t.strictSame(lines, [
    '1 201 1025',
    [0, 256, 512].map(sum).join(' '),
    // Lanes 0, 7, 9, 17, 31: shfl, shfl by 8, up by 8, down by 8, xor across eights, half warps.
    ...['3 1 0 2 0 37449', '3 1 5 7 7 37449', '3 9 9 11 5 37449'],
    ...['3 17 17 19 17 16', '3 25 29 31 19 30']
  ])
  const wrong = [
    /probe_wrong.*63 threads wait at the barrier of line \d+, which 1 have ended/,
    /thread 32 is at the barrier of line \d+, others at that of line/,
    /waits at line \d+ for lanes 0xffffffff of its warp, which do not all come/,
    /thread \d+ is at line \d+ with lanes 0xffffffff, thread \d+ of its warp at line/
  ]
  for (const [how, message] of wrong.entries()) {
    const { stderr, signal } = spawnSync(program, [String(how)], { encoding: 'utf8' })
    t.match({ stderr, signal }, { stderr: message, signal: 'SIGABRT' })
  }
})

t.test('the driver', needsCompiler, async (t) => {
  const program = join(t.testdir(), 'driver')
  execFileSync('c++', [
    ...['-std=c++20', '-I', join(root, 'native'), '-I', folder, '-pthread'],
    ...['-o', program, join(folder, 'driver-program.cc'), '-ldl']
  ])
  const set = await fakeCudaFolder()

  /** What a scene of the program prints, what it is told, and what it leaves. */
  function play(t: Test, scene: string, settings = '', plan?: (control: Control) => void) {
    const control = new Control(join(t.testdir(), 'control'))
    plan?.(control)
    const { stdout, stderr, signal, status } = spawnSync(program, [set, scene], {
      encoding: 'utf8',
      timeout: 300_000,
      env: {
        ...process.env,
        ALEXNODE_FAKE_CUDA: settings,
        ALEXNODE_FAKE_CUDA_CONTROL: control.path
      }
    })
    const lines = stdout.trim().split('\n')
    const [left, calls] = [control.left(), control.calls()]
    control.close()
    return { lines, stderr, signal, status, left, calls }
  }

  await t.test('work is put off, and only events order streams', async (t) => {
    const { lines, left, calls } = play(t, 'order')
    t.strictSame(lines, [
      'fresh -nan',
      'unordered -nan ordered 7',
      'pinned 6',
      'early 600 time 1 untimed 400'
    ])
    t.strictSame(left, { misuses: 1 }, 'the untimed event')
    t.match([calls.get('cuEventCreate'), calls.get('cuGraphLaunch')], [4, undefined])
    const eager = play(t, 'order', 'eager=1').lines
    t.strictSame(eager[1], 'unordered 7 ordered 7', 'where all runs at once it does not show')
  })

  await t.test('graphs', async (t) => {
    const { lines, left } = play(t, 'capture')
    t.strictSame(lines, [
      'eager 4 51 36',
      'graph 4 51 36',
      ...['synchronize 900 901', 'allocate 900 901', 'pageable 900 901'],
      ...['outside 905 901', 'unjoined 0 904'],
      // In the order of the calls it would be 1.
      'race 0'
    ])
    t.strictSame(left, { misuses: 5 })
  })

  await t.test('memory ends', async (t) => {
    const { lines, left } = play(t, 'capacity', 'memory=1M')
    t.strictSame(lines, [
      '1024 824, too much 2, after a free 0 124, kept 124, another pool 2, trimmed 1024 0'
    ])
    t.strictSame(left, {})
  })

  await t.test('wrong use', async (t) => {
    const { lines, left, stderr } = play(t, 'misuse')
    t.strictSame(lines, ['400 400 1 1 1 500 1 200 201'])
    t.strictSame(left, { misuses: 9, leaked: 1, 'live allocations': 1, 'live bytes': 4000 })
    t.match(stderr, /cuStreamDestroy_v2: not one of the streams/)
    t.match(stderr, /there is no kernel no_such_kernel/)
  })

  await t.test('two devices', async (t) => {
    const { lines, stderr } = play(t, 'peers', 'devices=2')
    t.strictSame(lines, ['foreign event 400, foreign stream 400, copied 4, read 4', 'closed 700'])
    t.match(stderr, /probe_scale_f32 touched 0x/)
  })

  await t.test('an illegal address stays', async (t) => {
    const { lines, stderr } = play(t, 'illegal')
    t.strictSame(lines, ['700 700 700'])
    t.match(stderr, /probe_wrong touched 0x/)
  })

  await t.test('a misaligned address stays', async (t) => {
    const { lines, stderr } = play(t, 'misaligned')
    t.strictSame(lines, ['716 716 716'])
    t.match(stderr, /probe_wrong used a misaligned address/)
  })

  await t.test('the host cannot follow device pointers', async (t) => {
    const { stderr, signal } = play(t, 'touch')
    t.match({ stderr, signal }, { stderr: /the host touched device memory/, signal: 'SIGSEGV' })
  })

  await t.test('failures that are asked for', async (t) => {
    t.strictSame(play(t, 'faults').left, {})
    const failing = (plan: (control: Control) => void) => play(t, 'faults', '', plan)
    const once = failing((control) => control.fail('cuMemsetD8Async', 3, 2))
    t.strictSame([once.lines, once.left], [['memset 2'], {}])
    // What gives back does so even where it fails.
    const back = failing((control) => {
      control.fail('cuMemFreeAsync', 1, 1)
      control.fail('cuStreamDestroy_v2', 1, 999)
    })
    t.strictSame([back.lines, back.left], [['free 1', 'destroy 999'], {}])
    const stays = failing((control) => control.fail('cuMemsetD8Async', 4, 719))
    const all = ['synchronize', 'free', 'destroy', 'unload', 'pool', 'get', 'release']
    t.strictSame(stays.lines, ['memset 719', ...all.map((name) => `${name} 719`)])
    t.strictSame(stays.left, {})
    const work = failing((control) => control.failWork(2, 700))
    t.strictSame(
      work.lines,
      all.map((name) => `${name} 700`)
    )
    // The fifth call is cuMemPoolCreate.
    const any = failing((control) => control.fail('*', 5, 801))
    t.strictSame(any.lines, ['cuMemPoolCreate(&pool, &props) gives 801'])
    t.equal(any.left['live contexts'], 1)
    const devices = failing((control) => control.set('devices', 0))
    t.strictSame(devices.lines, ['cuInit(0) gives 100'])
  })

  await t.test('several threads', async (t) => {
    const { lines, left } = play(t, 'threads')
    t.strictSame([lines, left], [['50'], {}])
  })
})
