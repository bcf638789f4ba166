import { type Fault, flag, maybe, oneOf, type Rule, record, whole } from '../../util/check/rules.ts'

/**
 * How training draws images, as plain data. Draws depend on the seed and the place in the run alone, so a run that is
 * resumed goes on with the same images.
 *
 * 'permutation': an epoch visits every image once, in a new order.
 *
 * 'replacement': each image is drawn from all of them, so that some come twice and others never. An epoch is as many
 * groups as fit the set, at least one.
 */
export type Sampling =
  | {
      /** Each image once an epoch. */
      readonly form: 'permutation'
      /**
       * True: a batch that meets the end of an epoch takes the rest of its images from the next one. Default false:
       * the last batch of an epoch is smaller.
       */
      readonly across?: boolean
    }
  | {
      /** Each image of a draw of its own. */
      readonly form: 'replacement'
      /** Images that are drawn together. They are shuffled and cut into batches, the last of which may be smaller. */
      readonly group: number
    }

/** The fields of both forms. */
interface Fields {
  readonly form: Sampling['form']
  readonly across?: boolean
  readonly group?: number
}

export const samplingRule: Rule = record<Fields>(
  {
    form: oneOf('permutation', 'replacement'),
    across: maybe(flag),
    group: maybe(whole({ from: 1 }))
  },
  { also: ofOtherForm }
)

/** Finds a field that a form lacks, or has not. */
function ofOtherForm({ form, across, group }: Fields): Fault | undefined {
  if (form === 'permutation') {
    return group === undefined
      ? undefined
      : { path: 'group', expected: "none with form 'permutation'", got: String(group) }
  }
  if (across !== undefined) {
    return { path: 'across', expected: "none with form 'replacement'", got: String(across) }
  }
  return group === undefined
    ? { path: 'group', expected: 'a whole number from 1', got: 'undefined' }
    : undefined
}
