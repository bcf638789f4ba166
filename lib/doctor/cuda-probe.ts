/**
 * Whether GPUs can be used, told by a child process: a broken set of NVIDIA's libraries may end the process that
 * opens it, and this one opens them only when they were seen to work.
 */
import { examine } from './index.ts'
import { hasNvidiaDriver } from './system.ts'

/** What was seen. */
export interface CudaProbe {
  /** Files that must not be touched, with the reason: opening or calling them ended a process. */
  readonly refused: Readonly<Record<string, string>>
  /** The doctor's verdict on CUDA: 'ready (1 device)'. */
  readonly verdict: string
}

let probed: Promise<CudaProbe> | undefined

/**
 * Looks once a process, by a child that opens and calls NVIDIA's libraries.
 *
 * @throws Error with the doctor's verdict, problems and remedies, where no GPU can be used
 */
export function probeCuda(): Promise<CudaProbe> {
  probed ??= look()
  const looking = probed
  // What was mended is seen at the next try.
  looking.catch(() => {
    if (probed === looking) probed = undefined
  })
  return looking
}

/**
 * Seconds that a call may take before it counts as hung: a driver that is not kept loaded begins with every GPU of
 * the machine, and cuBLASLt is half a gigabyte that may lie on a slow disk.
 */
const PATIENCE = 60

async function look(): Promise<CudaProbe> {
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
  return { refused, verdict }
}

/** A device, and why it was taken. */
export interface DeviceChoice {
  readonly name: string
  readonly reason: string
}

/**
 * What to compute on where nobody has said: the first GPU where one is ready, else the CPU. Where there is no
 * NVIDIA driver, that is seen from a few files, and nothing is opened.
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
