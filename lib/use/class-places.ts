/** Finds classes of one list in another: by place where the lists are equal, else by name. */

/** Places of the classes, or the names that cannot be found for sure. */
export type ClassPlaces =
  | { readonly places: Int32Array }
  /** Names that several classes have. */
  | { readonly twice: readonly string[] }
  /** A name that is not in the other list. */
  | { readonly missing: string }

/**
 * For each of `own`, its place in `classes`. Equal lists match by place, so that two classes may have one name, as two
 * of ImageNet's are named crane.
 */
export function classPlaces(own: readonly string[], classes: readonly string[]): ClassPlaces {
  if (own.length === classes.length && own.every((name, i) => name === classes[i])) {
    return { places: Int32Array.from(own.keys()) }
  }
  const places = new Map(classes.map((name, place) => [name, place]))
  const missing = own.find((name) => !places.has(name))
  if (missing !== undefined) return { missing }
  const twice = [...new Set([...repeated(own), ...repeated(classes)])]
  if (twice.length > 0) return { twice }
  return { places: Int32Array.from(own, (name) => places.get(name) ?? -1) }
}

function repeated(names: readonly string[]): string[] {
  const seen = new Set<string>()
  return names.filter((name) => seen.size === seen.add(name).size)
}
