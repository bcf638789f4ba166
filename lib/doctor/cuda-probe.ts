/**
 * Tests in a child process if GPUs can be used: broken libraries of NVIDIA may end the process that opens them. This
 * process opens them only after the test has passed.
 */
import { examine } from './index.ts'
import { hasNvidiaDriver } from './system.ts'

/** Result of the test. */
export interface CudaProbe {
  /** Files that must not be opened, with the reason: they ended the child process. */
  readonly refused: Readonly<Record<string, string>>
  /** The doctor's verdict on CUDA, such as 'ready (1 device)'. */
  readonly verdict: string
  /** Number of GPUs. */
  readonly devices: number
}

let probed: Promise<CudaProbe> | undefined

/**
 * Tests NVIDIA's libraries, once per process unless that fails.
 *
 * @throws Error with the doctor's verdict, problems and remedies if no GPU can be used
 */
export function probeCuda(): Promise<CudaProbe> {
  probed ??= test()
  const testing = probed
  // A repaired installation is found by the next call.
  testing.catch(() => {
    if (probed === testing) probed = undefined
  })
  return testing
}

/**
 * Seconds after which a call counts as hung. A driver that is not kept loaded first initialises every GPU, and
 * cuBLASLt is half a gigabyte, perhaps on a slow disk.
 */
const PATIENCE = 60

async function test(): Promise<CudaProbe> {
  const { ready, verdicts, problems, cuda } = await examine({ timeout: PATIENCE })
  const verdict = verdicts.cuda
  if (!ready.cuda) {
    const told = problems.map(({ problem, remedy }) => `${problem} ${remedy}`)
    throw new Error(
      [`[device] cuda cannot be used here: ${verdict}.`, ...told, 'More: alexnode doctor'].join(
        '\n'
      )
    )
  }
  const crashed = (cuda?.libraries ?? []).filter(({ state }) => state === 'crashed')
  const refused = Object.fromEntries(crashed.map(({ file, error = '' }) => [file, error]))
  return { refused, verdict, devices: cuda?.devices.length ?? 0 }
}

/** A device and the reason for choosing it. */
export interface DeviceChoice {
  /** Name for `open`: 'cuda:0' or 'cpu'. */
  readonly name: string
  /** For people: 'there is no NVIDIA driver'. */
  readonly reason: string
}

/**
 * Chooses the first GPU if it can be used, else the CPU. Never rejects. Without an NVIDIA driver no library is
 * opened.
 *
 * @example
 * const { name, reason } = await chooseDevice()
 * await using device = await open(name)
 */
export async function chooseDevice(): Promise<DeviceChoice> {
  if (!hasNvidiaDriver()) return { name: 'cpu', reason: 'there is no NVIDIA driver' }
  try {
    const { verdict } = await probeCuda()
    return { name: 'cuda:0', reason: `cuda is ${verdict}` }
  } catch (error) {
    const [first = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    return { name: 'cpu', reason: first.replace('[device] ', '').replace(/\.$/, '') }
  }
}
