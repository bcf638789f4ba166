/** What the process that reads a file of HDF5 is asked, and what it answers. */

/** The package h5wasm, with the module of the HDF5 library itself. */
export type H5wasm = Awaited<typeof import('h5wasm/node')> & {
  readonly Module: Awaited<typeof import('h5wasm/node')['ready']>
}

/** Element type of an array. */
export type Hdf5Dtype = 'f16' | 'f32' | 'f64'

/** Strings and lists of strings by name. */
export type Strings = Readonly<Record<string, string | readonly string[]>>

/** An array, without its values. */
export interface Hdf5Info {
  readonly shape: readonly number[]
  readonly dtype: Hdf5Dtype
}

/** List the file, or read an array of it. */
export interface Hdf5Request {
  readonly read?: string
}

/** What a file holds. Paths have no leading '/': 'layers/conv2d/vars/0'; the file itself is ''. */
export interface Hdf5Listing {
  readonly arrays: ReadonlyMap<string, Hdf5Info>
  /** By the path of their group. */
  readonly attributes: ReadonlyMap<string, Strings>
}

/** An answer, or why there is none. */
export type Hdf5Answer =
  | Hdf5Listing
  | { readonly bytes: Uint8Array }
  | { readonly missing: string }
  | { readonly damaged: string }
