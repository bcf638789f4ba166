/** What the doctor's child process tells its parent. */
import type { FoundAddon } from '../native/addon/found-addon.ts'
import type { CpuInfo, CudaReport } from '../native/device-info.ts'

/** One line on file descriptor 3, as JSON. */
export type Message =
  | { readonly step: Step }
  | { readonly addon: FoundAddon }
  | { readonly failed: Failure }
  | { readonly cpu: CpuInfo }
  | { readonly cuda: CudaReport }

/** What it does next: open a file, or call a function of it. */
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

/** The file of the step that loads the addon. */
export const ADDON = 'alexnode.node'
