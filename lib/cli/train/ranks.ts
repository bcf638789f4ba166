/** What `alexnode train` does where several processes train one net. */
import { createHash } from 'node:crypto'
import type { Dataset, ImageSet } from '../../data/dataset.ts'
import type { Group } from '../../group/group.ts'
import { describeIdentity, identityOf } from '../../group/identity.ts'
import { digestOf } from '../../util/digest.ts'
import { counted } from '../../util/words.ts'
import { UsageError } from '../shared/program.ts'
import { entry } from '../shared/text.ts'
import type { TrainArguments } from './arguments.ts'

/** Images whose pixels are compared, of a set that has no digest. */
const SAMPLES = 64
/** Rank 0 may prepare photographs for hours meanwhile. */
const DAY = 86_400

/** The processes, for people; undefined for one alone. */
export function ranksText({ size, hosts }: Group): string | undefined {
  const identity = identityOf()
  if (size === 1 || !identity) return undefined
  const machines = new Set(hosts).size
  const where = `${counted(size, 'process', 'processes')} on ${counted(machines, 'machine', 'machines')}`
  return entry('Ranks', `${where}; this is ${describeIdentity(identity)}`)
}

/** @throws UsageError for what one process alone can do; GroupError where the ranks were given different options */
export async function checkRanks(group: Group, given: TrainArguments): Promise<void> {
  if (group.size === 1) return
  const { settings, checkpointEvery, test, watch, strict } = given
  if (settings.lrAuto) {
    throw new UsageError(
      'alexnode train: --lr auto is for one process: find the rate with one, and give it to all.'
    )
  }
  const facts = { ...settings, checkpointEvery, test, watch, strict }
  await group.same(
    'the options of alexnode train',
    Object.fromEntries(
      Object.entries(facts).map(([name, value]) => [name, JSON.stringify(value) ?? 'not given'])
    )
  )
}

/** Does `work` on rank 0 first, so that the others find what it prepared. */
export async function inTurn<Result>(
  group: Group,
  what: string,
  work: () => Promise<Result>
): Promise<Result> {
  const { rank } = group
  const wait = group.joining(what, DAY)
  if (rank > 0) await wait(new Uint8Array(0))
  const result = await work()
  if (rank === 0) await wait(new Uint8Array(0))
  return result
}

/** @throws GroupError where a rank has other images: by their number, classes, statistics and hash */
export async function checkSameData(group: Group, { name, classes, train, test }: Dataset) {
  if (group.size === 1) return
  const hash = async (set: ImageSet) => `${set.length} images, ${await hashOf(set)}`
  await group.same('the data', {
    name,
    classes: createHash('sha256').update(JSON.stringify(classes)).digest('hex'),
    'images to train on': await hash(train),
    'images to test on': await hash(test),
    'mean and deviation': await statisticsOf(train)
  })
}

async function statisticsOf({ mean, std, meanImage }: ImageSet): Promise<string> {
  const image = meanImage && `, mean image ${await digestOf(meanImage)}`
  return `${mean.join(' ')}, ${std.join(' ')}${image ?? ''}`
}

async function hashOf(set: ImageSet): Promise<string> {
  const digest = await set.digest?.()
  if (digest !== undefined) return digest
  const { length, channels, height, width } = set
  const count = Math.min(SAMPLES, length)
  const indices = Uint32Array.from({ length: count }, (_, i) => Math.floor((i * length) / count))
  const images = new Uint8Array(count * channels * height * width)
  const labels = new Int32Array(count)
  await set.read(indices, images, labels)
  const hash = createHash('sha256').update(`${channels} ${height} ${width} ${labels}`)
  return hash.update(images).digest('hex')
}

/**
 * After training: whether one of the ranks was asked to stop.
 * @param signal of this process
 */
export async function stoppedByAny(group: Group, signal: AbortSignal): Promise<boolean> {
  const [stopped = 0] = await group.summing('whether to stop')([signal.aborted ? 1 : 0])
  return stopped > 0
}
