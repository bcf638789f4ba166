/** What the fuzz of readers knows of a reader of files. */

/** Files of a case by name; a name may have folders in it. */
export type Files = Map<string, Uint8Array>

/** A part of a file that is mutated by itself. */
export interface Part {
  /** The file's name. */
  readonly file: string
  /** How it is mutated: as bytes, as JSON, or as words and lines. */
  readonly kind: 'bytes' | 'json' | 'text'
  /** Takes the part out of the file; undefined where the file has none left. Default: the whole file. */
  readonly get?: (file: Buffer) => Uint8Array | undefined
  /** Puts the part back, with lengths around it made right. */
  readonly put?: (file: Buffer, part: Uint8Array) => Uint8Array
}

/** A reader of files, and small valid files for it. */
export interface Reader {
  readonly name: string
  /** Makes the valid files. Called once a process. */
  readonly seed: () => Promise<Files> | Files
  readonly parts: readonly Part[]
  /** Makes checksums and sizes right after a mutation, so that what lies behind them is reached, too. */
  readonly repair?: (files: Files) => void
  /**
   * Reads the files, and checks what it got by `must`.
   * @param folder holds the files
   */
  readonly read: (folder: string) => Promise<void>
}

/** A reader gave what no file may make it give. */
export class WrongValue extends Error {
  override readonly name = 'WrongValue'
}

/** @throws WrongValue unless `held` */
export function must(held: boolean, what: string): asserts held {
  if (!held) throw new WrongValue(what)
}
