/** Parameters by how they are trained: each group reads one row of the optimizer's scalars. */
import { layerWithWeights } from '../../net/freeze.ts'
import type { Parameter } from '../../net/graph/parameter.ts'
import type { Net } from '../../net/net.ts'
import type { Course, Courses } from '../../optim/schedule.ts'
import { checkArguments } from '../../util/check/check.ts'
import { callback, maybe, record } from '../../util/check/rules.ts'

const courseRule = record<Course>({ rate: maybe(callback), decay: maybe(callback) })

/**
 * The course of a parameter.
 * @throws RangeError where `courses` gives none, or with names that a course does not have
 */
export function courseOf(courses: Courses, parameter: Parameter): Course {
  const course = courses(parameter)
  checkArguments('train', { [`courses, for ${parameter.name}`]: [course, courseRule] })
  return course
}

/** @throws Error for a layer that the net does not have, or does not train */
export function layerRates(
  { definition, parameters }: Net,
  rates: Readonly<Record<string, number>>
): ReadonlyMap<string, number> {
  const known = new Map(Object.entries(rates))
  for (const layer of known.keys()) {
    if (!parameters.frozen.has(layerWithWeights(definition, layer, 'rates'))) continue
    throw new Error(
      `[train] rates: expected layers that are trained, got '${layer}', which is frozen: leave it out`
    )
  }
  return known
}

/** Parameters with equal factors and the same course. */
export interface Group {
  /** The first of its parameters, for errors. */
  readonly name: string
  readonly rate: number
  readonly decay: number
  readonly course: Course
}

/** Groups parameters by their factors and courses. */
export function grouped(
  parameters: readonly Parameter[],
  courses: Courses,
  rates: ReadonlyMap<string, number>
): { readonly groups: readonly Group[]; readonly of: ReadonlyMap<Parameter, number> } {
  const groups: Group[] = []
  const of = new Map<Parameter, number>()
  for (const parameter of parameters) {
    const { name, decay, layer } = parameter
    const rate = parameter.rate * (rates.get(layer) ?? 1)
    const course = courseOf(courses, parameter)
    const known = groups.findIndex(
      (group) => group.rate === rate && group.decay === decay && group.course === course
    )
    of.set(parameter, known < 0 ? groups.push({ name, rate, decay, course }) - 1 : known)
  }
  return { groups, of }
}
