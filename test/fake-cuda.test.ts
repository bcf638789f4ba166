/** The double of CUDA itself: what it shows when a program uses CUDA rightly, and wrongly. */
import { execFileSync, spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import t from 'tap'
import { hasCompiler } from './fake-cuda/build.ts'

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
