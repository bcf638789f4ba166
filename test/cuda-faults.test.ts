// Failures of CUDA: every function that a short training calls fails once at each of several calls. The error
// says what failed and what to do, nothing is left behind, nothing hangs, and the next run is well.
import { readdirSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import { conv2d, defineNet, dense, flatten, relu } from '../lib/index.ts'
import { type Snapshot, train } from '../lib/training/train.ts'
import { needsDouble, useDouble } from './cuda-double.ts'
import { compile, fakeCuda } from './fake-cuda/build.ts'
import { Control } from './fake-cuda/control.ts'
import { Running, runProgram } from './programs.ts'
import { smallSet } from './small-net.ts'

const control = await useDouble(t)
// Nothing is kept on disk, so that each run times its algorithms.
process.env.ALEXNODE_CACHE = '/dev/null/none'

const definition = defineNet({
  name: 'three',
  input: { channels: 1, height: 28, width: 28 },
  layers: [
    conv2d({ filters: 4, size: 3, stride: 3 }),
    relu(),
    flatten(),
    dense({ units: 8 }),
    relu(),
    dense({ units: 10 })
  ]
})
const set = smallSet(6)

/** Opens, builds, trains three recorded steps, reads, keeps a snapshot, and closes whatever happens. */
async function scenario(): Promise<number[]> {
  const device = await open('cuda')
  try {
    const net = await definition.build(device, { batch: 2, seed: 3 })
    const losses: number[] = []
    let saved: Snapshot | undefined
    const save = (snapshot: Snapshot) => {
      saved = snapshot
    }
    const options = { steps: 3, lr: 0.001, momentum: 0.9, checkpoint: { save } }
    for await (const { loss } of train(net, set, options)) losses.push(loss)
    for (const { data } of saved?.weights.values() ?? []) losses.push(...data.slice(0, 4))
    return losses
  } finally {
    await device.close()
  }
}

/** Giving back: the driver has let go or never will, and what went before is told by other calls. */
const givingBack =
  /(Destroy(_v2|\w+)?|Free(Async|Host)|Unload|Release_v2|TrimTo|cublasLtMatrixLayoutDestroy)$/
/** Calls whose failure may be passed over, and why. */
const passedOver: Readonly<Record<string, string>> = {
  cuCtxSetCurrent: 'where it only goes before something is given back',
  cuStreamSynchronize: 'where a stream ends: what failed in it was told before',
  cuEventRecord: 'where memory is given back: all streams are waited for instead',
  cuStreamWaitEvent: 'where memory is given back: all streams are waited for instead',
  cuEventCreate: 'where memory is given back: all streams are waited for instead',
  cuEventSynchronize: 'where memory is given back: the stream is waited for instead',
  cudnnSetStream: 'where a stream ends, and the handle is let go of it',
  cuMemHostAlloc: 'where memory is given back: the stream is waited for instead'
}
/** Algorithms are tried, and those that fail are not taken. */
const tried = /^(cudnn(Find|Get|Convolution)|cublasLt(Matmul|MatmulAlgoGetHeuristic))/

const codeOf = (symbol: string) =>
  symbol.startsWith('cudnn') ? 4000 : symbol.startsWith('cublas') ? 14 : 801

/** The name that errors have of a function. */
const told = (symbol: string) => symbol.replace(/_v\d$/, '').replace(/WithFlags$/, '')

/** Which calls of so many are tried: the first ones, which are of many places, and some of the rest. */
function chosen(count: number): number[] {
  const few = Math.min(count, 4)
  const rest = [0.3, 0.5, 0.7, 0.85, 0.95, 1].map((part) => Math.ceil(part * count))
  return [...new Set([...Array.from({ length: few }, (_, i) => i + 1), ...rest])]
}

/** Algorithms are timed, so another may be taken, which rounds otherwise. */
function alike(a: readonly number[], b: readonly number[]): boolean {
  const close = (x = Number.NaN, y = Number.NaN) => Math.abs(x - y) <= 1e-4 + 1e-4 * Math.abs(y)
  return a.length === b.length && a.every((x, i) => close(x, b[i]))
}

async function outcome(): Promise<{ losses?: number[]; error?: string }> {
  const run = scenario().then(
    (losses) => ({ losses }),
    (error: unknown) => ({ error: error instanceof Error ? error.message : String(error) })
  )
  const late = sleep(60_000, undefined, { ref: false }).then(() => ({ error: 'it hangs' }))
  return Promise.race([run, late])
}

t.test('each call fails once', { ...needsDouble, timeout: 500_000 }, async (t) => {
  await scenario()
  t.strictSame(control.left(), {}, 'nothing is left after a run')
  const before = control.calls()
  const expected = await scenario()
  const calls = new Map(
    [...control.calls()].map(([name, count]) => [name, count - (before.get(name) ?? 0)] as const)
  )
  const every = [...calls].filter(([, count]) => count > 0)
  t.ok(every.length > 40, `${every.length} functions`)
  const since = performance.now()
  let runs = 0
  for (const [symbol, count] of every) {
    const code = codeOf(symbol)
    const faults: string[] = []
    let refused = 0
    for (const nth of chosen(count)) {
      control.fail(symbol, nth, code)
      const { losses, error } = await outcome()
      control.clear()
      runs++
      const say = (what: string) => faults.push(`call ${nth} of ${count}: ${what}`)
      if (error !== undefined) {
        refused++
        const named = error.includes(told(symbol)) && error.includes(`${code}`)
        if (!named && !/NVRTC .* could not compile/.test(error)) say(`told as: ${error}`)
        else if (
          !/doctor|as the test asked|Use |Update|Install|report|try it again|close/i.test(error)
        )
          say(`no remedy: ${error}`)
      } else if (!givingBack.test(symbol) && !passedOver[symbol] && !tried.test(symbol)) {
        say('passed over')
      }
      if (losses && !alike(losses, expected)) say('another course')
      const left = control.left()
      if (Object.keys(left).length > 0) say(`left ${JSON.stringify(left)}`)
      if (error === 'it hangs') break
    }
    t.strictSame(faults, [], `${symbol}, ${refused} refused`)
    t.ok(alike((await outcome()).losses ?? [], expected), 'and then all is well')
  }
  t.comment(`${runs} runs, ${((performance.now() - since) / 1000).toFixed(1)} s`)
})

t.test('errors after which the GPU is lost', needsDouble, async (t) => {
  const ways = [
    ['a kernel', 700, (control: Control) => control.failWork(1, 700)],
    ['a launch', 719, (control: Control) => control.fail('cuGraphLaunch', 2, 719)],
    ['a copy', 700, (control: Control) => control.fail('cuMemcpyDtoHAsync_v2', 1, 700)],
    ['what is waited for', 214, (control: Control) => control.fail('cuEventSynchronize', 1, 214)]
  ] as const
  const folder = t.testdir(Object.fromEntries(ways.map(([what]) => [what, {}])))
  await Promise.all(
    ways.map(async ([what, code, lose]) => {
      const own = new Control(join(folder, `${what} control`))
      const running = new Running('test/cuda-program.ts', ['lost', join(folder, what)], {
        ALEXNODE_FAKE_CUDA: 'devices=2',
        ALEXNODE_FAKE_CUDA_CONTROL: own.path
      })
      await running.says(/training/)
      lose(own)
      const { code: exit, out, err } = await running.ended
      t.equal(exit, 3, `${what}: ${err}`)
      const { told, kept, losses } = JSON.parse(out.split('\n')[1] ?? '{}')
      t.equal(told.length, 3)
      for (const error of told) {
        t.match(error, new RegExp(`failed with ${code} .*start the process again`), what)
      }
      t.ok(kept > 0, 'the checkpoints are whole')
      t.ok(losses.length === 2 && losses.every(Number.isFinite), 'the CPU trains')
      t.strictSame(own.left(), {}, `${what}: closing gives everything back`)
      own.close()
    })
  )
})

t.test('GPUs, drivers and libraries that cannot be used', needsDouble, async (t) => {
  const folder = t.testdir({ set: {} })
  const say = async (env: Record<string, string>) => {
    const control = new Control(join(folder, 'control'))
    const paths = { ALEXNODE_FAKE_CUDA_CONTROL: control.path }
    const { out, err, code } = await runProgram('test/cuda-program.ts', ['open'], {
      ...paths,
      ...env
    })
    t.equal(code, 0, err)
    t.strictSame(control.left(), {})
    control.close()
    return out
  }
  t.match(await say({}), /^0,2,0,4,0,6,0,8 Fake GPU, CUDA 13\.0, cuDNN 9\.19\.0/)
  t.match(await say({ ALEXNODE_FAKE_CUDA: 'devices=0' }), /cannot be used here[\s\S]*doctor/)
  t.match(await say({ ALEXNODE_FAKE_CUDA: 'version=11080' }), /cannot be used here[\s\S]*doctor/)
  t.match(await say({ ALEXNODE_FAKE_CUDA: 'compute=70' }), /capability 7\.0[\s\S]*7\.5/)
  t.match(await say({ ALEXNODE_FAKE_CUDA: 'memory_pools=0' }), /no memory pools here/)
  t.match(await say({ WHICH: 'cuda:3' }), /there is no cuda:3: this machine has one GPU, cuda:0/)
  const set = join(folder, 'set')
  await fakeCuda(set)
  await compile(set, 'libcublasLt.so.13', 'toolkit', { CUDA: 13000 })
  t.match(
    await say({ ALEXNODE_CUDA_PATH: set }),
    /cannot be used here: [\s\S]*cublasLt[\s\S]*doctor/i
  )
})

t.test('kernels that the driver does not take', needsDouble, async (t) => {
  const cache = t.testdir()
  const control = new Control(join(cache, 'control'))
  const env = {
    ALEXNODE_CACHE: cache,
    ALEXNODE_FAKE_CUDA: 'no_fatbin=1',
    ALEXNODE_FAKE_CUDA_CONTROL: control.path
  }
  const compiled = () => control.counts().get('nvrtcCompileProgram') ?? 0
  const say = async () => (await runProgram('test/cuda-program.ts', ['open'], env)).out
  const well = /^0,2,0,4,0,6,0,8 .*kernels compiled here: /
  t.match(await say(), well)
  // What an open device begins with, and the op's.
  t.equal(compiled(), 2, 'NVRTC compiles')
  t.match(await say(), well)
  t.equal(compiled(), 2, 'once: it is kept on disk')
  const kept = readdirSync(join(cache, 'kernels')).map((name) => join(cache, 'kernels', name))
  t.equal(kept.length, 2)
  for (const file of kept) truncateSync(file, 40)
  t.match(await say(), well)
  t.equal(compiled(), 4, 'a damaged file is not used')
  control.close()
})

t.test('kernels that NVRTC does not compile', needsDouble, async (t) => {
  control.set('no_fatbin', 1)
  const device = await open('cuda')
  control.fail('nvrtcCompileProgram', 1, 6)
  const like = { shape: [8], dtype: 'f32' } as const
  const prepare = () => device.stream().prepare('relu', {}, { y: like, x: like })
  await t.rejects(prepare(), {
    message: /NVRTC 13\.0 could not compile the kernels 'elementwise' \(.+\):\n.*as the test asked/
  })
  await prepare()
  t.match(device.description, /kernels compiled here: /)
  await device.close()
  control.set('no_fatbin', 0)
  t.strictSame(control.left(), {})
})
