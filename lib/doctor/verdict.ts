/** Derives problems, remedies and the verdict from the facts. */
import { dirname } from 'node:path'
import type { CudaFacts, Facts, LibraryFacts, Problem, SystemFacts } from './facts.ts'
import type { Probed } from './probe.ts'

/** Error of cuInit if the driver works, but no GPU is present or visible. */
const NO_DEVICE = 'CUDA_ERROR_NO_DEVICE'

/** Names for people. */
const TITLES: Readonly<Record<string, string>> = {
  driver: 'driver',
  nvrtc: 'NVRTC',
  'nvrtc-builtins': 'NVRTC builtins',
  cublaslt: 'cuBLASLt',
  cublas: 'cuBLAS',
  cudnn: 'cuDNN',
  nccl: 'NCCL'
}

/** Name of a library for people. */
export function titleOf({ name, file }: LibraryFacts): string {
  return TITLES[name] ?? file
}

/** The pip package of a library, for CUDA 12 or 13. */
function wheelOf(name: string, major: 12 | 13): string {
  const suffix = major === 12 ? '-cu12' : ''
  if (name.startsWith('nvrtc')) return `nvidia-cuda-nvrtc${suffix}`
  if (name.startsWith('cublas')) return `nvidia-cublas${suffix}`
  return name === 'nccl' ? `nvidia-nccl-cu${major}` : `nvidia-cudnn-cu${major}`
}

/** NCCL connects several GPUs; one GPU trains without it. */
const isNeeded = ({ name }: LibraryFacts) => name !== 'nccl'

/** State of a library that is not ready, for people. */
export function stateOf(library: LibraryFacts): string {
  const { state, file, error = '' } = library
  if (state === 'missing') return `${file} not found`
  if (state === 'crashed') return `${file} ${error.replace(/, saying: .*/s, '')}`
  return `${file} ${state}`
}

const INSTALL_DRIVER =
  'Debian, with non-free: `apt install nvidia-driver`; Ubuntu: `apt install nvidia-driver-580`; then ' +
  'restart. In a container: `docker run --gpus all`.'

function driverProblem(driver: LibraryFacts, { driver: kernel, nvidia }: SystemFacts): Problem {
  const { state, file, error = stateOf(driver) } = driver
  const say = (problem: string, remedy: string): Problem => ({ about: 'cuda', problem, remedy })
  if (state === 'missing' && kernel !== undefined) {
    return say(
      `NVIDIA's driver ${kernel} is loaded, but its library ${file} is not found.`,
      'In a container: start it with `docker run --gpus all`. Else: `apt install libcuda1`, of the same version.'
    )
  }
  if (state === 'missing' && nvidia.length === 0) {
    return say(
      `There is no NVIDIA GPU on the PCI bus, and no driver (${file}).`,
      `Nothing, to train on the CPU. Where there is a GPU: ${INSTALL_DRIVER}`
    )
  }
  if (state === 'missing') {
    return say(`There is an NVIDIA GPU, but no driver (${file}).`, INSTALL_DRIVER)
  }
  return say(
    `NVIDIA's driver: ${error}${placesOf([driver], error)}`,
    error.includes(NO_DEVICE)
      ? 'Is CUDA_VISIBLE_DEVICES set? It may hide them. In a container: `docker run --gpus all`.'
      : `Take it out of ALEXNODE_CUDA_PATH if it lies there; else install it again. ${INSTALL_DRIVER}`
  )
}

/** Major version of CUDA that the driver supports. */
function majorOf({ libraries }: CudaFacts): 12 | 13 {
  const driver = libraries.find(({ name }) => name === 'driver')
  return Number.parseInt(driver?.version ?? '', 10) < 13 ? 12 : 13
}

/** Libraries that were found but do not work. Equal errors are one problem. */
function brokenLibraries(cuda: CudaFacts): Problem[] {
  const groups = new Map<string, LibraryFacts[]>()
  for (const library of cuda.libraries) {
    const { name, state, error = state } = library
    if (name === 'driver' || state === 'ready' || state === 'missing') continue
    groups.set(error, [...(groups.get(error) ?? []), library])
  }
  return [...groups].map(([error, libraries]) => {
    const wheels = new Set(libraries.map(({ name }) => wheelOf(name, majorOf(cuda))))
    return {
      about: 'cuda',
      problem: `${libraries.map(titleOf).join(', ')}: ${error}${placesOf(libraries, error)}`,
      remedy: systemPackage(error) ?? `pip install --force-reinstall ${[...wheels].join(' ')}`
    }
  })
}

/** The command that installs a system library that is missing. */
function systemPackage(error: string): string | undefined {
  const packages: Readonly<Record<string, string>> = {
    'libz.so.1': 'zlib1g',
    'libstdc++.so.6': 'libstdc++6',
    'libgcc_s.so.1': 'libgcc-s1'
  }
  const file = /^(\S+): cannot open shared object file/.exec(error)?.[1]
  const name = file === undefined ? undefined : packages[file]
  return name === undefined ? undefined : `apt install ${name}`
}

/** Folders of libraries, unless the error names them. */
function placesOf(libraries: readonly LibraryFacts[], error: string): string {
  const folders = libraries.flatMap(({ path }) => (path?.includes('/') ? [dirname(path)] : []))
  const told = [...new Set(folders)].filter((folder) => !error.includes(folder))
  return told.length > 0 ? ` (in ${told.join(', ')})` : ''
}

function missingLibraries(cuda: CudaFacts): Problem[] {
  const nvrtc = cuda.libraries.find(({ name }) => name === 'nvrtc')
  const missing = cuda.libraries.filter(({ name, state }) => {
    // These are installed together with another library.
    const isPart =
      name.startsWith('cudnn_') || (name === 'nvrtc-builtins' && nvrtc?.state !== 'ready')
    return state === 'missing' && !isPart
  })
  if (missing.length === 0) return []
  const wheels = [...new Set(missing.map(({ name }) => wheelOf(name, majorOf(cuda))))]
  const only = missing.some(isNeeded) ? '' : ' (needed for several GPUs only)'
  return [
    {
      about: 'cuda',
      problem: `Not found: ${missing.map(({ file }) => file).join(', ')}${only}`,
      remedy:
        `pip install ${wheels.join(' ')}, in the virtual environment that is active; or list the folders ` +
        'that hold them in ALEXNODE_CUDA_PATH.'
    }
  ]
}

function cudaProblems({ cuda, failed }: Probed, system: SystemFacts): Problem[] {
  if (failed !== undefined) {
    const remedy = 'Name the folders of CUDA in ALEXNODE_CUDA_PATH, and ask again.'
    return [{ about: 'cuda', problem: `CUDA could not be looked at: ${failed}`, remedy }]
  }
  if (!cuda) return []
  const driver = cuda.libraries.find(({ name }) => name === 'driver')
  // Without a driver, other missing libraries do not matter.
  if (driver?.state !== 'ready') {
    return [...(driver ? [driverProblem(driver, system)] : []), ...brokenLibraries(cuda)]
  }
  const problems = [...brokenLibraries(cuda), ...missingLibraries(cuda)]
  if (cuda.devices.length > 0) return problems
  const remedy = 'Is CUDA_VISIBLE_DEVICES set? It may hide them.'
  return [{ about: 'cuda', problem: 'The driver sees no device.', remedy }, ...problems]
}

/** All problems, with remedies. */
export function problemsOf(
  { node, system }: Pick<Facts, 'node' | 'system'>,
  probed: Probed
): Problem[] {
  const problems: Problem[] = []
  const { addon } = probed
  if (!node.supported) {
    const problem = `Node ${node.version} is too old: expected ${node.least} or newer`
    problems.push({ about: 'node', problem, remedy: `Install Node ${node.least} or newer.` })
  }
  if (!addon.loads) {
    problems.push({
      about: 'addon',
      problem: addon.error ?? 'The native addon does not load.',
      remedy:
        addon.remedy ??
        'In a clone: `npm start`, which builds it. In a project: `npx alexnode build`.'
    })
  }
  return [...problems, ...cudaProblems(probed, system)]
}

function cudaVerdict({ cuda, addon, failed }: Probed, { platform }: SystemFacts): string {
  if (!addon.loads) return 'not looked at'
  if (platform !== 'linux') return 'only on Linux'
  if (!cuda || failed !== undefined) return 'could not be looked at'
  const wrong = cuda.libraries.find((library) => library.state !== 'ready' && isNeeded(library))
  if (wrong?.name === 'driver') {
    if (wrong.error?.includes(NO_DEVICE)) return 'no device'
    return `${wrong.state === 'missing' ? 'no' : 'broken'} driver (${stateOf(wrong)})`
  }
  if (cuda.devices.length === 0) return 'no device'
  if (wrong) return `${wrong.state === 'missing' ? 'no ' : ''}${titleOf(wrong)} (${stateOf(wrong)})`
  const count = cuda.devices.length
  const devices = `${count} ${count === 1 ? 'device' : 'devices'}`
  return `ready (${devices})`
}

/** What training is possible on, and the verdict in one line. */
export function verdictOf(
  { node, system }: Pick<Facts, 'node' | 'system'>,
  probed: Probed
): Pick<Facts, 'ready' | 'verdict' | 'verdicts'> {
  const { addon, cpu, cuda } = probed
  const { supported } = node
  const ready = {
    cpu: supported && cpu !== undefined,
    cuda: supported && cuda?.complete === true
  }
  const cpuVerdict = !addon.loads
    ? 'the native addon does not load'
    : supported
      ? 'ready'
      : `Node ${node.version} is too old`
  const verdicts = { cpu: cpuVerdict, cuda: cudaVerdict(probed, system) }
  return { ready, verdict: `cpu: ${verdicts.cpu} · cuda: ${verdicts.cuda}`, verdicts }
}
