/** `alexnode doctor` as a person runs it, on whole, missing and broken things. */
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync
} from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { CpuFacts, Facts, LibraryFacts, SystemFacts } from '../lib/doctor/facts.ts'
import { atLeast } from '../lib/doctor/index.ts'
import type { Probed } from '../lib/doctor/probe.ts'
import { problemsOf, verdictOf } from '../lib/doctor/verdict.ts'
import { compile, fakeCuda, fakeToolkit, hasCompiler, troubled } from './fake-cuda/build.ts'
import { type Ended, Running, runProgram, widest } from './programs.ts'

const root = resolve(import.meta.dirname, '..')
const addon = join(root, 'build/Release/alexnode.node')
const canFake = process.platform === 'linux' && hasCompiler
const needsCompiler = { skip: canFake ? false : 'the doubles need Linux and a compiler (c++)' }
const hasDriver =
  existsSync('/proc/driver/nvidia') ||
  spawnSync('sh', ['-c', 'ldconfig -p | grep -F libcuda.so.1']).status === 0
const needsNoDriver = { skip: hasDriver ? 'this machine has an NVIDIA driver' : false }

/** Runs the doctor; `cuda` is a folder of libraries. */
function doctor(args: readonly string[] = [], cuda = ''): Promise<Ended> {
  return runProgram('lib/cli/main.ts', ['doctor', ...args], { ALEXNODE_CUDA_PATH: cuda })
}

const wholeSet = t.testdir()
if (canFake) await fakeCuda(wholeSet)

/** A folder with the whole set of doubles, to be spoilt. */
function copyOf(t: Test): string {
  const folder = t.testdir()
  cpSync(wholeSet, folder, { recursive: true })
  return folder
}

/** What `--json` says. */
function factsOf(t: Test, { out, err, signal }: Ended): Facts {
  t.match({ err, signal }, { err: '', signal: null })
  t.equal(out.trim().split('\n').length, 1, 'one line')
  return JSON.parse(out)
}

function libraryOf(facts: Facts, name: string) {
  return facts.cuda?.libraries.find((library) => library.name === name)
}

t.test('versions of Node', async (t) => {
  t.ok(atLeast('v20.19.0', '20.19.0'))
  t.ok(atLeast('v22.0.0', '20.19.0'))
  t.ok(atLeast('v26.1.0-nightly', '20.19.0'))
  t.notOk(atLeast('v20.18.9', '20.19.0'))
  t.notOk(atLeast('v18.20.0', '20.19.0'))
})

// What cannot be had here: other systems, other machines.
t.test('problems and their remedies', async (t) => {
  const system: SystemFacts = {
    platform: 'linux',
    arch: 'x64',
    libc: { name: 'glibc' },
    cpu: '',
    cores: 1,
    processors: 1,
    threads: 1,
    memory: { total: 1, available: 1 },
    nvidia: []
  }
  const node = { version: 'v20.19.0', least: '20.19.0', supported: true }
  const addon = { loads: true }
  const library = (name: string, state: LibraryFacts['state'], error = ''): LibraryFacts => {
    return { name, file: `lib${name}.so`, state, error, tried: [] }
  }
  const cuda = (...libraries: LibraryFacts[]): Probed => {
    return { addon, cuda: { libraries, devices: [], places: [], complete: false } }
  }
  const one = (probed: Probed, more: Partial<SystemFacts> = {}) => {
    const problems = problemsOf({ node, system: { ...system, ...more } }, probed)
    t.ok(problems.length > 0)
    return problems[0]
  }
  const none = cuda(library('driver', 'missing'))
  t.match(one(none), { remedy: /^Nothing, to train on the CPU/ })
  t.match(one(none, { nvidia: ['0000:01:00.0'] }), { remedy: /^Debian.*apt install nvidia-driver/ })
  t.match(one(none, { driver: '580.65' }), { problem: /580\.65/, remedy: /docker run --gpus all/ })
  const hidden = cuda(library('driver', 'broken', 'cuInit failed with 100 (CUDA_ERROR_NO_DEVICE)'))
  t.match(one(hidden), { remedy: /CUDA_VISIBLE_DEVICES/ })
  t.match(one(cuda(library('driver', 'ready'))), { problem: /no device/ })
  const zlib = 'libz.so.1: cannot open shared object file: No such file or directory'
  const withoutZlib = cuda(library('driver', 'missing'), library('cudnn', 'broken', zlib))
  t.match(problemsOf({ node, system }, withoutZlib)[1], { remedy: 'apt install zlib1g' })
  const withoutNccl = cuda(library('driver', 'ready'), library('nccl', 'missing'))
  t.match(problemsOf({ node, system }, withoutNccl)[1], {
    problem: 'Not found: libnccl.so (needed for several GPUs only)',
    remedy: /^pip install nvidia-nccl-cu13,/
  })
  t.match(one({ addon, failed: 'crashed' }), { problem: /could not be looked at: crashed/ })
  const old = { ...node, version: 'v18.0.0', supported: false }
  t.match(problemsOf({ node: old, system }, { addon }), [{ about: 'node', remedy: /20\.19\.0/ }])

  const says = (probed: Probed, platform: string) => {
    const { verdict } = verdictOf({ node, system: { ...system, platform } }, probed)
    return verdict.split('cuda: ')[1]
  }
  const cpu: CpuFacts = { onednn: '3.0.0', isa: 'AVX2', bf16: 'none' }
  t.match(verdictOf({ node: old, system }, { addon, cpu }), {
    ready: { cpu: false },
    verdict: /^cpu: Node v18\.0\.0 is too old · /
  })
  t.match(verdictOf({ node, system }, { addon, cpu }), {
    ready: { cpu: true },
    verdict: /^cpu: ready · /
  })
  t.equal(says({ addon }, 'darwin'), 'only on Linux')
  t.equal(says({ addon, failed: 'crashed' }, 'linux'), 'could not be looked at')
  t.equal(says(cuda(library('driver', 'ready')), 'linux'), 'no device')
  t.equal(says(hidden, 'linux'), 'no device')
})

t.test('without CUDA', needsNoDriver, async (t) => {
  const [text, json] = await Promise.all([doctor(), doctor(['--json'])])
  t.match(text, { code: 0, err: '' })
  t.ok(widest(text.out) <= 80, text.out)
  t.notOk(text.out.includes('\u001b'), 'no colours')
  const verdict = 'cpu: ready · cuda: no driver (libcuda.so.1 not found)'
  t.equal(text.out.trim().split('\n').at(-1), verdict)
  t.match(text.out, /Remedy .*apt install nvidia-driver/s)

  t.equal(json.code, 0)
  const facts = factsOf(t, json)
  t.match(facts, {
    version: /^\d/,
    node: { version: process.version, least: '20.19.0', supported: true },
    system: {
      platform: process.platform,
      arch: process.arch,
      libc: { name: /glibc|musl/ },
      cpu: String,
      cores: Number,
      processors: Number,
      threads: Number,
      memory: { total: Number, available: Number }
    },
    addon: { loads: true, path: addon, origin: 'build' },
    cpu: { onednn: /^\d+\.\d+/, isa: String, bf16: /^(none|slow|fast)$/ },
    cuda: { devices: [], complete: false },
    problems: [{ about: 'cuda', problem: /libcuda\.so\.1/, remedy: String }],
    ready: { cpu: true, cuda: false },
    verdict
  })
  t.match(libraryOf(facts, 'driver'), { state: 'missing', error: /cannot open shared object/ })
})

t.test('a whole set', needsCompiler, async (t) => {
  const folder = wholeSet
  const [text, json] = await Promise.all([doctor([], folder), doctor(['--json'], folder)])
  t.match(text, { code: 0, err: '' })
  t.ok(widest(text.out, folder, relative(root, folder)) <= 80, text.out)
  t.match(text.out, /cuda:0 +Fake GPU, compute 9\.0, 81,920 MiB/)
  t.match(text.out, /cuDNN 9\.19\.0 \(8 parts\)/)
  t.match(text.out, /\ncpu: ready · cuda: ready \(1 device\)\n$/)
  const facts = factsOf(t, json)
  t.match(facts, {
    problems: [],
    ready: { cpu: true, cuda: true },
    cuda: {
      complete: true,
      devices: [{ name: 'Fake GPU', capability: '9.0', memory: 80 * 2 ** 30 }]
    }
  })
  const versions = facts.cuda?.libraries.map(({ name, version, state }) => [name, version, state])
  t.strictSame(
    versions?.filter(([name]) => !name?.startsWith('cudnn_')),
    [
      ['driver', '13.0', 'ready'],
      ['nvrtc', '13.0', 'ready'],
      ['nvrtc-builtins', '13.0', 'ready'],
      ['cublaslt', '13.1.2', 'ready'],
      ['cublas', '13.1.2', 'ready'],
      ['cudnn', '9.19.0', 'ready'],
      ['nccl', '2.28.9', 'ready']
    ]
  )
  t.ok(facts.cuda?.libraries.every(({ path }) => path?.startsWith(folder)))
  t.equal(facts.cuda?.places[0], folder)
})

t.test('cuDNN decides which toolkit is used', needsCompiler, async (t) => {
  const folder = copyOf(t)
  await fakeToolkit(folder, 12080)
  await compile(folder, 'libcudnn.so.9', 'cudnn', { CUDA: 12080, VERSION: 91900 })
  const facts = factsOf(t, await doctor(['--json'], folder))
  t.equal(facts.cuda?.complete, true)
  t.match(libraryOf(facts, 'cublas'), { file: 'libcublas.so.12', version: '12.1.2' })
  t.match(libraryOf(facts, 'nvrtc'), { file: 'libnvrtc.so.12', version: '12.8' })
})

t.test('a driver that is too old', needsCompiler, async (t) => {
  const folder = copyOf(t)
  await compile(folder, 'libcuda.so.1', 'driver', { CUDA: 12040 })
  const facts = factsOf(t, await doctor(['--json'], folder))
  t.match(libraryOf(facts, 'cudnn'), {
    state: 'unsuited',
    error: /expected one for CUDA 12, the driver's newest, got one for CUDA 13/
  })
  t.match(facts.problems, [
    {
      problem: /^NVRTC, cuBLASLt, cuBLAS, cuDNN: expected one for CUDA 12/,
      remedy: /^pip install .*nvidia-cuda-nvrtc-cu12 nvidia-cublas-cu12 nvidia-cudnn-cu12$/
    }
  ])
  t.match(facts.verdict, /cuda: NVRTC \(libnvrtc\.so\.13 unsuited\)/)
})

t.test('a cuDNN that is refused', needsCompiler, async (t) => {
  const folder = copyOf(t)
  await compile(folder, 'libcudnn.so.9', 'cudnn', { CUDA: 13000, VERSION: 91000 })
  const facts = factsOf(t, await doctor(['--json'], folder))
  t.match(facts.cuda, { complete: false, devices: [{ name: 'Fake GPU' }] })
  t.match(facts.problems, [{ problem: /9\.10\.0/, remedy: /pip install .*nvidia-cudnn-cu13/ }])
  t.equal(facts.verdict, 'cpu: ready · cuda: cuDNN (libcudnn.so.9 unsuited)')
})

// The double aborts, as cuDNN does, when it is called without its parts.
t.test('a cuDNN without one of its parts', needsCompiler, async (t) => {
  const folder = copyOf(t)
  rmSync(join(folder, 'libcudnn_ops.so.9'))
  const facts = factsOf(t, await doctor(['--json'], folder))
  t.match(libraryOf(facts, 'cudnn'), {
    state: 'broken',
    error: /was not called because it would abort: libcudnn_ops\.so\.9 is not in/
  })
  t.match(libraryOf(facts, 'cudnn_ops'), { state: 'missing' })
  t.match(facts.problems, [{ remedy: /--force-reinstall nvidia-cudnn-cu13/ }])
  t.equal(facts.problems.length, 1)
})

t.test('files that are no good libraries', needsCompiler, async (t) => {
  const folder = t.testdir({ 'libcuda.so.1': 'not a library\n' })
  const at = (file: string) => join(folder, file)
  troubled(folder, 'libnccl.so.2')
  copyFileSync(addon, at('libnvrtc.so.13'))
  truncateSync(at('libnvrtc.so.13'), Math.trunc(statSync(addon).size / 2))
  // Byte 18 of an ELF header is the machine: 183 is AArch64, 62 x86-64.
  troubled(folder, 'libcudnn.so.9')
  const bytes = readFileSync(at('libcudnn.so.9'))
  bytes.writeUInt16LE(process.arch === 'arm64' ? 62 : 183, 18)
  writeFileSync(at('libcudnn.so.9'), bytes)
  const ended = await doctor(['--json'], folder)
  t.equal(ended.code, 0)
  const facts = factsOf(t, ended)
  const first = (name: string) => {
    const library = libraryOf(facts, name)
    return library?.tried[0]?.error ?? library?.error
  }
  t.match(first('driver'), /libcuda\.so\.1: not a shared object/)
  t.match(first('nvrtc'), /libnvrtc\.so\.13: is cut short: it has \d+ bytes/)
  t.match(first('cudnn'), /libcudnn\.so\.9: is for .*, and this process is for /)
  t.match(first('nccl'), /undefined symbol: ncclGetVersion/)
  const verdict = 'cpu: ready · cuda: broken driver (libcuda.so.1 broken)'
  if (hasDriver) t.pass('the verdict', needsNoDriver)
  else t.equal(facts.verdict, verdict)
})

t.test('libraries that end or stop the process', needsCompiler, async (t) => {
  const folder = copyOf(t)
  const trouble = (file: string, TROUBLE: string) => troubled(folder, file, TROUBLE)
  trouble('libcuda.so.1', 'abort()')
  trouble('libcublas.so.13', 'pause()')
  trouble('libnvrtc.so.13', '_exit(3)')
  trouble('libnccl.so.2', 'fputs("bad\\nvery bad\\n",stderr),raise(SIGSEGV)')
  // This one opens, and aborts at its first call, because it wants the cublasLt of CUDA 12.
  await compile(folder, 'libcudnn.so.9', 'cudnn', { CUDA: 12000, VERSION: 91900 })
  const ended = await doctor(['--timeout', '2'], folder)
  t.match(ended, { code: 0, err: '', signal: null })
  t.ok(widest(ended.out, folder, relative(root, folder)) <= 80, ended.out)
  const text = ended.out.replaceAll(/\s+/g, ' ')
  t.match(text, /NVIDIA's driver: .*crashed \(SIGABRT\)/)
  t.match(text, /cuBLAS: hung \(stopped after 2 s\)/)
  t.match(text, /NCCL: crashed \(SIGSEGV\), saying: very bad/)
  t.match(text, /NVRTC: ended the process \(exit code 3\)/)
  t.match(text, /cuDNN: cudnnGetVersion crashed \(SIGABRT\)/)
  t.match(text, /cuBLASLt 13\.1\.2/, 'the rest is seen')
  t.match(text, /cuda: broken driver \(libcuda\.so\.1 crashed \(SIGABRT\)\) $/)
})

t.test('Ctrl-C', needsCompiler, async (t) => {
  const folder = t.testdir()
  const opened = join(folder, 'opened')
  const trouble = `fclose(fopen("${opened}","w")),pause()`
  troubled(folder, 'libcuda.so.1', trouble)
  const running = new Running('lib/cli/main.ts', ['doctor'], { ALEXNODE_CUDA_PATH: folder })
  while (!existsSync(opened) && running.process.exitCode === null) await setTimeout(50)
  running.process.kill('SIGINT')
  t.strictSame(await running.ended, { code: 130, signal: null, out: '', err: '' })
})

t.test('the addon missing or broken', needsCompiler, async (t) => {
  const folder = t.testdir({ copy: {} })
  const copy = join(folder, 'copy')
  for (const name of ['lib', 'examples', 'package.json', 'tsconfig.json']) {
    cpSync(join(root, name), join(copy, name), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  const binary = join(copy, 'build/Release/alexnode.node')
  const program = relative(root, join(copy, 'lib/cli/main.ts'))
  const runs = async (name: string, expected: RegExp) => {
    const { out, ...ended } = await runProgram(program, ['doctor'])
    t.match(ended, { code: 1, signal: null, err: '' }, name)
    const verdict = out.trim().split('\n').at(-1)
    t.equal(verdict, 'cpu: the native addon does not load · cuda: not looked at')
    t.match(out, /\nRemedy /)
    t.match(out.replaceAll(/\s+/g, ' '), expected)
    t.ok(widest(out, copy) <= 80, out)
  }
  await runs('missing', /no binary is prebuilt for .*, and none was compiled/)
  mkdirSync(join(copy, 'build/Release'), { recursive: true })
  writeFileSync(binary, 'not a library\n')
  await runs('text', /its file is no binary|is damaged/)
  troubled(join(copy, 'build/Release'), 'alexnode.node', 'abort()')
  await runs('aborts', /loading it crashed \(SIGABRT\)/)
})

t.test('its options', async (t) => {
  const help = await doctor(['--help'])
  t.match(help, { code: 0, out: /--json[\s\S]*--timeout/ })
  t.ok(widest(help.out) <= 80)
  t.match(await doctor(['--timeout', '0']), { code: 2, err: /timeout/ })
})
