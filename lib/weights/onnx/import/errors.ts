/** Errors of ONNX files: damaged ones, and those that hold what nets here do not have. */
import { DamagedFileError } from '../../../util/files/errors.ts'
import { cut } from '../../../util/foreign.ts'

/** The file that is read. */
export interface Label {
  readonly path: string
}

/** Throws the error of a damaged file. */
export function damaged({ path }: Label, expected: string, got: string): never {
  throw new DamagedFileError(
    `[onnx] ${path}: expected ${cut(expected)}, got ${cut(got)}; the file is damaged: use another copy`
  )
}

/** Throws the error of what nets here do not have. */
export function unsupported({ path }: Label, where: string, got: string, expected: string): never {
  throw new DamagedFileError(
    `[onnx] ${path}: ${cut(where)}: expected ${expected}, got one ${cut(got)}, which is not supported`
  )
}
