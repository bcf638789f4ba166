// Looking for GPUs before any of NVIDIA's libraries is opened here: in a child, once, and with the doctor's words.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { cpSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { chooseDevice, probeCuda } from '../lib/doctor/cuda-probe.ts'
import { hasNvidiaDriver } from '../lib/doctor/system.ts'
import { fakeCuda, hasCompiler, troubled } from './fake-cuda/build.ts'

const canFake = process.platform === 'linux' && hasCompiler
const needsCompiler = { skip: canFake ? false : 'the doubles need Linux and a compiler (c++)' }
const hasDriver = hasNvidiaDriver({})
const needsNoDriver = { skip: hasDriver ? 'this machine has an NVIDIA driver' : false }

const wholeSet = t.testdir()
if (canFake) await fakeCuda(wholeSet)

/** Looks with these libraries in reach. */
async function looking<T>(folder: string, look: () => Promise<T>): Promise<T> {
  const before = process.env.ALEXNODE_CUDA_PATH
  process.env.ALEXNODE_CUDA_PATH = folder
  try {
    return await look()
  } finally {
    if (before === undefined) delete process.env.ALEXNODE_CUDA_PATH
    else process.env.ALEXNODE_CUDA_PATH = before
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

t.test('no driver', needsNoDriver, async (t) => {
  let children = 0
  const count = () => {
    children++
  }
  subscribe('child_process', count)
  t.teardown(() => unsubscribe('child_process', count))
  t.same(await looking('', chooseDevice), {
    name: 'cpu',
    reason: 'there is no NVIDIA driver'
  })
  t.equal(children, 0, 'a glance')
  const refusal = await looking('', () => probeCuda().then(String, messageOf))
  t.match(
    refusal,
    /^\[device\] cuda cannot be used here: no driver \(libcuda\.so\.1 not found\)\.\n/
  )
  t.match(refusal, /apt install nvidia-driver/)
  t.match(refusal, /More: alexnode doctor$/)
  t.ok(children > 0, 'a child looked')
})

t.test('a broken set', needsCompiler, async (t: Test) => {
  const folder = t.testdir()
  cpSync(wholeSet, folder, { recursive: true })
  rmSync(join(folder, 'libcudnn_ops.so.9'))
  t.ok(existsSync(join(folder, 'libcudnn.so.9')))
  const refusal = await looking(folder, () => probeCuda().then(String, messageOf))
  t.match(refusal, /cannot be used here: cuDNN \(libcudnn\.so\.9 broken\)\.\n.*--force-reinstall/)
  t.match(await looking(folder, chooseDevice), {
    name: 'cpu',
    reason: /^cuda cannot be used here: cuDNN \(libcudnn\.so\.9 broken\)$/
  })
})

t.test('a whole set whose NCCL ends the process', needsCompiler, async (t) => {
  const folder = t.testdir()
  cpSync(wholeSet, folder, { recursive: true })
  troubled(folder, 'libnccl.so.2', 'raise(SIGSEGV)')
  t.ok(hasNvidiaDriver({ ALEXNODE_CUDA_PATH: `/nowhere:${folder}` }))
  const [first, second] = await looking(folder, () => Promise.all([probeCuda(), probeCuda()]))
  t.equal(first, second, 'one look')
  t.match(first, {
    refused: { 'libnccl.so.2': /^crashed \(SIGSEGV\)/ },
    verdict: 'ready (1 device)'
  })
  t.same(Object.keys(first.refused), ['libnccl.so.2'])
  t.equal(await looking('', probeCuda), first, 'once a process')
  t.same(await looking(folder, chooseDevice), {
    name: 'cuda:0',
    reason: 'cuda is ready (1 device)'
  })
})
