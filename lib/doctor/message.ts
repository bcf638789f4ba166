/** Messages of the doctor's child process to its parent. */
import type { FoundAddon } from '../native/addon/found-addon.ts'
import type { CpuInfo, CudaReport } from '../native/device-info.ts'

/** A message: one line of JSON on file descriptor 3. */
export type Message =
  | { readonly step: Step }
  | { readonly addon: FoundAddon }
  | { readonly failed: Failure }
  | { readonly cpu: CpuInfo }
  | { readonly cuda: CudaReport }

/** The next act of the child: opening a file, or calling a function of it. */
export interface Step {
  readonly file: string
  readonly what: string
  readonly path: string
}

/** Why the addon does not load. */
export interface Failure {
  readonly error: string
  readonly remedy?: string
}

/** Name of the addon in a step. */
export const ADDON = 'alexnode.node'
