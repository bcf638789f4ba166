import { GroupError } from '../../group/errors.ts'
import type { Group } from '../../group/group.ts'
import type { ParameterLayout, Parameters } from '../graph/parameters.ts'

/**
 * The layouts that all processes of a group give their parameters, so that the same bytes are the same values. Ops choose
 * them by the machine and by the share of the batch.
 *
 * @returns undefined if all have the same; else those of rank 0
 * @throws GroupError where a rank's parameters are others, or on another number of devices
 */
export async function sharedLayouts(
  group: Group,
  parameters: Parameters
): Promise<readonly ParameterLayout[] | undefined> {
  const own = JSON.stringify(parameters.layouts)
  const all = await group.joining('the layouts of parameters')(Buffer.from(own))
  const texts = all.map((bytes) => Buffer.from(bytes).toString())
  const [first = own] = texts
  const lists: readonly ParameterLayout[][] = texts.map((text) => JSON.parse(text))
  const names = lists.map((list) => list.map(({ name, part }) => `${name} ${part}`).join())
  const other = names.findIndex((one) => one !== names[0])
  if (other >= 0) {
    throw new GroupError(
      `[net] expected the same parameters on all ranks, on as many devices, got others on rank ${other}: ` +
        'build the same net with the same options'
    )
  }
  return texts.every((text) => text === first) ? undefined : lists[0]
}
