// What is kept on disk for a GPU, on the double: algorithms that were chosen by trying, and kernels that were compiled
// here; also where it is damaged, outdated, or written by two processes at once.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import { needsDouble, useDouble } from './cuda-double.ts'
import { failure } from './failure.ts'
import { Control } from './fake-cuda/control.ts'
import { runProgram } from './programs.ts'

const control = await useDouble(t)
const folder = join(process.env.ALEXNODE_CACHE ?? '', 'choice')

/** Prepares a convolution on a device of its own; says how it is done, and how often cuDNN ran one for that. */
async function prepared() {
  const runs = () => control.calls().get('cudnnConvolutionForward') ?? 0
  const before = runs()
  await using device = await open('cuda')
  const of = (...shape: number[]) => ({ shape, dtype: 'f32' }) as const
  const slots = { y: of(2, 8, 6, 6), x: of(2, 8, 6, 6), w: of(8, 8, 1, 1) }
  const { implementation } = await device.stream().prepare('conv2d', {}, slots)
  return { implementation, runs: runs() - before }
}

function onlyFile(): string {
  const [file = '', ...more] = readdirSync(folder)
  t.same(more, [], 'one choice')
  return join(folder, file)
}

t.test('a choice is kept, and tried once before it is used again', needsDouble, async (t) => {
  const first = await prepared()
  t.ok(first.runs > 4, 'several are timed')
  const kept = readFileSync(onlyFile(), 'utf8')
  t.match(kept, /convolution forward on Fake GPU cudnn 91900 f32 .* \/ 2 8 6 6 \/ 8 8 1 1 /)
  // Not in the middle of a capture, where cuDNN would have to load its kernels.
  t.same(await prepared(), { ...first, runs: 1 })

  for (const spoil of [
    (file: string) => truncateSync(file, 100),
    (file: string) => writeFileSync(file, kept.replace(/\d+ \d+$/, 'x')),
    (file: string) => writeFileSync(file, '')
  ]) {
    spoil(onlyFile())
    const { runs } = await prepared()
    t.ok(runs > 4, 'a damaged one is made anew')
    t.equal((await prepared()).runs, 1, 'and kept')
  }
})

t.test('a choice that does not run any more is made anew', needsDouble, async (t) => {
  for (const code of [3000, 4000, 5001]) {
    control.fail('cudnnConvolutionForward', 1, code)
    t.ok((await prepared()).runs > 4, `${code}`)
    t.equal((await prepared()).runs, 1)
  }
})

t.test('an algorithm that fails is not taken', needsDouble, async (t) => {
  rmSync(folder, { recursive: true })
  control.fail('cudnnGetConvolutionForwardWorkspaceSize', 1, 4000)
  control.fail('cudnnConvolutionForward', 1, 5000)
  t.match((await prepared()).implementation, /cudnn forward/)
  rmSync(folder, { recursive: true })
  for (let nth = 1; nth <= 8; nth++) control.fail('cudnnConvolutionForward', nth, 5000)
  t.match(
    String(await failure(prepared())),
    /cudnnConvolutionForward failed with 5000 \(CUDNN_STATUS_EXECUTION_FAILED.*the GPU failed/i
  )
  control.clear()
  t.match((await prepared()).implementation, /cudnn forward/, 'and then all is well')
})

t.test('two processes that keep the same kernels at once', needsDouble, async (t) => {
  const cache = t.testdir()
  const control = new Control(join(cache, 'control'))
  const env = {
    ALEXNODE_CACHE: cache,
    ALEXNODE_FAKE_CUDA: 'no_fatbin=1',
    ALEXNODE_FAKE_CUDA_CONTROL: control.path
  }
  const say = async () => (await runProgram('test/cuda-program.ts', ['open'], env)).out
  const well = /^0,2,0,4,0,6,0,8 /
  for (const out of await Promise.all([say(), say()])) t.match(out, well)
  const files = readdirSync(join(cache, 'kernels'))
  t.equal(files.length, 2, 'nothing half written is left')
  const compiled = () => control.counts().get('nvrtcCompileProgram')
  const before = compiled()
  t.match(await say(), well)
  t.equal(compiled(), before, 'and what they kept is whole')
  control.close()
})

t.test('kernels that came along, and what the driver says of them', needsDouble, async (t) => {
  const folder = t.testdir()
  const program = join(folder, 'modules')
  const sources = ['test/fake-cuda/modules-program.cc'].concat(
    ['modules', 'disk_cache', 'errors'].map((name) => `native/cuda/${name}.cc`)
  )
  execFileSync('c++', ['-std=c++20', '-I', 'native', '-o', program, ...sources, '-ldl'], {
    cwd: resolve(import.meta.dirname, '..')
  })
  const play = (settings: string, plan?: (control: Control) => void) => {
    const control = new Control(join(folder, 'control'))
    plan?.(control)
    const out = execFileSync(program, [process.env.ALEXNODE_CUDA_PATH ?? ''], {
      encoding: 'utf8',
      env: {
        ...process.env,
        ALEXNODE_FAKE_CUDA: settings,
        ALEXNODE_CACHE: '/dev/null/none',
        ALEXNODE_FAKE_CUDA_CONTROL: control.path
      }
    })
    const [compiled, left] = [control.calls().get('nvrtcCompileProgram') ?? 0, control.left()]
    control.close()
    return { lines: out.split('\n'), compiled, left }
  }
  const without = 'this addon was built without nvcc'
  const unknown = /\[cuda\] cuModuleGetFunction failed with 500 /
  t.match(play(''), { lines: ['', without, unknown], compiled: 1, left: {} })
  const refused = /^the driver does not take the kernels in this addon \(209, CUDA_ERROR_NO_BINARY/
  const lines = [refused, without, unknown]
  t.match(play('no_fatbin=1'), { lines, compiled: 2 })
  t.match(
    play('no_fatbin=1,lazy=1'),
    { lines, compiled: 2 },
    'told only when a kernel is asked for'
  )
  t.match(
    play('', (control) => control.fail('cuModuleLoadData', 1, 222)),
    { lines: [/\(222, /, without, unknown], compiled: 2, left: {} },
    'a driver that is too old for their PTX'
  )
  t.match(play('', (control) => control.fail('cuModuleLoadData', 1, 801)).lines, [
    /cuModuleLoadData failed with 801 /
  ])
})

t.test('all was given back', needsDouble, async (t) => {
  t.strictSame(control.left(), {})
})
