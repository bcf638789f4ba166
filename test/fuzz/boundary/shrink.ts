/** Simpler cases than one that failed. */
import type { Case, CaseSpec, Value } from './case.ts'

const without = <T>(list: readonly T[], at: number) => list.filter((_, i) => i !== at)
const replaced = <T>(list: readonly T[], at: number, value: T) =>
  list.map((old, i) => (i === at ? value : old))

/** Numbers to try for one. */
const simpler = (value: Value): Value[] => (typeof value === 'number' && value > 1 ? [1, 2] : [])

function* simplerSpecs(spec: CaseSpec): Generator<CaseSpec> {
  const { layout: _, ...rest } = spec
  if (spec.layout !== undefined && spec.layout !== 'any') yield rest
  for (const [i, dim] of (spec.shape ?? []).entries()) {
    for (const value of simpler(dim)) yield { ...spec, shape: replaced(spec.shape ?? [], i, value) }
  }
}

/** Cases with one thing less, the simplest first. */
export function* simplerCases(test: Case): Generator<Case> {
  if (test.kind === 'calls') {
    for (let i = test.calls.length - 1; i >= 0; i--) {
      yield { ...test, calls: without(test.calls, i) }
    }
    return
  }
  if (test.shifts.length > 0) yield { ...test, shifts: [] }
  if (test.bytes !== 0) yield { ...test, bytes: 0 }
  for (const name of Object.keys(test.fields)) {
    const { [name]: _, ...fields } = test.fields
    yield { ...test, fields }
  }
  for (const [i, spec] of test.specs.entries()) {
    if (!spec) continue
    for (const less of simplerSpecs(spec)) yield { ...test, specs: replaced(test.specs, i, less) }
  }
}

/** Shrinks a case as long as `fails` says that it fails in the same way, up to `tries` runs. */
export async function shrink(
  test: Case,
  fails: (test: Case) => Promise<boolean>,
  tries = 60
): Promise<Case> {
  let least = test
  let left = tries
  for (let found = true; found && left > 0; ) {
    found = false
    for (const next of simplerCases(least)) {
      if (left-- <= 0) break
      if (!(await fails(next))) continue
      least = next
      found = true
      break
    }
  }
  return least
}
