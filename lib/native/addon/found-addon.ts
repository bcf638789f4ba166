/** Where the addon was found: compiled here, prebuilt in the package, or named by ALEXNODE_PREBUILD or beside Node. */
export type AddonOrigin = 'build' | 'prebuild' | 'elsewhere'

/** The addon's file. */
export interface FoundAddon {
  readonly file: string
  readonly origin: AddonOrigin
}
