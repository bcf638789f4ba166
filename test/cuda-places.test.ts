// Where NVIDIA's libraries lie on real machines, laid out with doubles of them: each layout alone in reach.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import type { CudaFacts } from '../lib/doctor/facts.ts'
import { compile, fakeCuda, fakeToolkit, hasCompiler } from './fake-cuda/build.ts'

const canFake = process.platform === 'linux' && hasCompiler
const needsCompiler = { skip: canFake ? false : 'the doubles need Linux and a compiler (c++)' }

const addon = resolve(import.meta.dirname, '../build/Release/alexnode.node')
/** Prints what the addon finds. */
const PROBE = 'console.log(JSON.stringify(require(process.argv[1]).probeCuda({}, () => {})))'

const sets = t.testdir({ 12: {}, 13: {} })
const [cuda12, cuda13] = [join(sets, '12'), join(sets, '13')]
if (canFake) {
  await fakeCuda(cuda13)
  for (const file of readdirSync(cuda13).filter((file) => /^lib(cuda|cudnn_)/.test(file))) {
    cpSync(join(cuda13, file), join(cuda12, file))
  }
  await fakeToolkit(cuda12, 12080)
  await compile(cuda12, 'libcudnn.so.9', 'cudnn', { CUDA: 12080, VERSION: 91900 })
}

/** A folder of a layout, and which files of a set lie there. */
type Layout = Readonly<Record<string, RegExp>>

/** As pip installs them; `python` is where site-packages are. */
const wheels13 = (python: string): Layout => ({
  [`${python}/nvidia/cu13/lib`]: /^lib(nvrtc|cublas)/,
  [`${python}/nvidia/cudnn/lib`]: /^libcudnn/,
  [`${python}/nvidia/nccl/lib`]: /^libnccl/
})
const wheels12 = (python: string): Layout => ({
  [`${python}/nvidia/cuda_nvrtc/lib`]: /^libnvrtc/,
  [`${python}/nvidia/cublas/lib`]: /^libcublas/,
  [`${python}/nvidia/cudnn/lib`]: /^libcudnn/,
  [`${python}/nvidia/nccl/lib`]: /^libnccl/
})
const rest = /^lib(nvrtc|cublas|cudnn|nccl)/

interface Case {
  readonly set: string
  readonly layout: Layout
  /** Variables that point into the layout. */
  readonly env: Readonly<Record<string, string>>
}

const cases: Readonly<Record<string, Case>> = {
  "pip's wheels of CUDA 13 in a virtual environment": {
    set: cuda13,
    layout: wheels13('venv/lib/python3.12/site-packages'),
    env: { VIRTUAL_ENV: 'venv' }
  },
  "pip's wheels of CUDA 12 in a virtual environment": {
    set: cuda12,
    layout: wheels12('venv/lib/python3.9/site-packages'),
    env: { VIRTUAL_ENV: 'venv' }
  },
  "pip's wheels of CUDA 13 at home": {
    set: cuda13,
    layout: wheels13('home/.local/lib/python3.11/site-packages'),
    env: { HOME: 'home' }
  },
  "pip's wheels of CUDA 12 in conda": {
    set: cuda12,
    layout: wheels12('conda/lib/python3.10/site-packages'),
    env: { CONDA_PREFIX: 'conda' }
  },
  "pip's wheels of CUDA 13 beside the python3 of PATH": {
    set: cuda13,
    layout: wheels13('venv/lib/python3.13/site-packages'),
    env: { PATH: 'venv/bin' }
  },
  "conda's own, beside the python3 of PATH": {
    set: cuda13,
    layout: { 'conda/lib': rest },
    env: { PATH: 'conda/bin' }
  },
  "conda's own": { set: cuda13, layout: { 'conda/lib': rest }, env: { CONDA_PREFIX: 'conda' } },
  'a toolkit with cuDNN': {
    set: cuda12,
    layout: { 'cuda/lib64': rest },
    env: { CUDA_HOME: 'cuda' }
  },
  'a toolkit by targets, cuDNN of the system': {
    set: cuda13,
    layout: { 'cuda/targets/x86_64-linux/lib': /^lib(nvrtc|cublas)/, system: /^lib(cudnn|nccl)/ },
    env: { CUDA_PATH: 'cuda' }
  },
  "the system's": { set: cuda13, layout: { system: rest }, env: {} }
}

for (const [name, { set, layout, env }] of Object.entries(cases)) {
  t.test(name, needsCompiler, async (t) => {
    const folder = t.testdir({
      home: {},
      system: {},
      venv: { bin: { python3: '' } },
      conda: { bin: { python3: '' }, 'conda-meta': {} }
    })
    const put = (place: string, which: RegExp) => {
      const into = join(folder, place)
      mkdirSync(into, { recursive: true })
      for (const file of readdirSync(set).filter((file) => which.test(file))) {
        cpSync(join(set, file), join(into, file))
      }
    }
    // The driver is always the system's, as LD_LIBRARY_PATH stands for here.
    put('system', /^libcuda\.so/)
    for (const [place, which] of Object.entries(layout)) put(place, which)
    const none = { ALEXNODE_CUDA_PATH: '', VIRTUAL_ENV: '', CONDA_PREFIX: '' }
    const pointing = Object.entries({ HOME: 'home', LD_LIBRARY_PATH: 'system', ...env }).map(
      ([name, place]) => [name, join(folder, place)]
    )
    // A process of its own, since libraries are never closed.
    const out = execFileSync(process.execPath, ['--eval', PROBE, addon], {
      encoding: 'utf8',
      env: {
        ...process.env,
        ...none,
        CUDA_HOME: '',
        CUDA_PATH: '',
        NODE_OPTIONS: '',
        ...Object.fromEntries(pointing)
      }
    })
    const facts: CudaFacts = JSON.parse(out)
    t.ok(facts.complete, out)
    const expected = [...new Set(['system', ...Object.keys(layout)])].map((place) =>
      join(folder, place)
    )
    const found = facts.libraries.map(({ path = '' }) => path.slice(0, path.lastIndexOf('/')))
    t.strictSame([...new Set(found)].sort(), expected.sort(), 'from there, and nowhere else')
  })
}
