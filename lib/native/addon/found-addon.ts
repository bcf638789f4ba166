/** Where an addon was found. */

/** Compiled in place, in the package, or elsewhere: named by ALEXNODE_PREBUILD, or beside Node. */
export type AddonOrigin = 'build' | 'prebuild' | 'elsewhere'

export interface FoundAddon {
  readonly file: string
  readonly origin: AddonOrigin
}
