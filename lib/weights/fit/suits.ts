import { netByName, netNames } from '../../net/models/index.ts'
import { checkArguments } from '../../util/check/check.ts'
import type { WeightsFile } from '../format.ts'
import { aFile, fitWeights, type WeightsFit } from './fit.ts'

/** How a file fits a named net. */
export interface NamedFit {
  /** The net's name, as `netByName` takes it. */
  readonly net: string
  /** The number of classes of the file: the net fits when it is made for as many. */
  readonly classes: number
  /** Channels of the images that the file's first layer reads. */
  readonly channels: number
  /** How it fits the net of that many classes and channels. Nothing is missing. */
  readonly fit: WeightsFit
}

/**
 * Finds the named nets that a file fills completely, with the file's own number of classes, and of channels.
 *
 * @returns those that fit, by name; the ones first whose tensors are all used
 *
 * @example
 * for (const { net, classes } of await suitingNets(await readWeights('alexnet.pth'))) console.log(net, classes)
 */
export async function suitingNets(file: WeightsFile): Promise<readonly NamedFit[]> {
  checkArguments('weights', { file: [file, aFile] })
  const out: NamedFit[] = []
  for (const net of netNames) {
    const usual = netByName(net)
    const { channels } = usual.input
    // Grey and colour nets differ in their first layer alone.
    for (const other of new Set([channels, 1, 3])) {
      const found = await complete(net, other, file)
      if (found) out.push(found)
      if (found) break
    }
  }
  const left = ({ fit }: NamedFit) => (fit.unused.length === 0 ? 0 : 1)
  return out.sort((a, b) => left(a) - left(b))
}

async function complete(
  net: string,
  channels: number,
  file: WeightsFile
): Promise<NamedFit | undefined> {
  const first = await attempt(() => fitWeights(netByName(net, { channels }), file))
  if (!first) return undefined
  const { head } = first
  if (!head) {
    const classes = first.taken.at(-1)?.shape[0] ?? 0
    return first.missing.length === 0 ? { net, classes, channels, fit: first } : undefined
  }
  if (first.missing.some(({ name }) => !name.startsWith(`${head.layer}.`))) return undefined
  const classes = head.fileClasses
  const fit = await attempt(() => fitWeights(netByName(net, { channels, classes }), file))
  return fit?.missing.length === 0 ? { net, classes, channels, fit } : undefined
}

/** A file whose tensors could be two things of a net does not suit it. */
async function attempt(work: () => Promise<WeightsFit>): Promise<WeightsFit | undefined> {
  try {
    return await work()
  } catch {
    return undefined
  }
}
