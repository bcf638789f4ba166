/** Mutations of files as plain data, so that fast-check can draw and shrink them. */
import fc from 'fast-check'

/**
 * One mutation. Numbers are taken modulo what there is to choose from, so that each edit applies to any file; smaller
 * ones are simpler.
 */
export interface Edit {
  /** Which of the reader's parts. */
  readonly part: number
  /** Which of the mutations of the part's kind. */
  readonly op: number
  /** Where: a byte, a line, a word, or a value of the JSON. */
  readonly at: number
  /** How much. */
  readonly size: number
  /** What: a byte, or an index into a list of telling values. */
  readonly value: number
}

/** A mutated case of a reader. */
export interface Mutation {
  readonly edits: readonly Edit[]
  /** Whether checksums are made right afterwards. */
  readonly repaired: boolean
}

// Formats keep their sizes at the front, so small places are drawn more often.
const place = fc.oneof(
  { weight: 3, arbitrary: fc.nat(64) },
  { weight: 2, arbitrary: fc.nat(1024) },
  { weight: 2, arbitrary: fc.nat(1 << 20) }
)

const edit: fc.Arbitrary<Edit> = fc.record({
  part: fc.nat(15),
  op: fc.nat(63),
  at: place,
  size: fc.oneof(fc.nat(8), fc.nat(600)),
  value: fc.nat(255)
})

/** Draws mutations, most of one or two edits: more break all at once, and the first error hides the others. */
export const mutation: fc.Arbitrary<Mutation> = fc.record({
  edits: fc.oneof(
    { weight: 3, arbitrary: fc.array(edit, { minLength: 1, maxLength: 2 }) },
    { weight: 1, arbitrary: fc.array(edit, { minLength: 1, maxLength: 6 }) }
  ),
  repaired: fc.boolean()
})
