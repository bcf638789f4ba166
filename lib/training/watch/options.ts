import type { Diagnosis } from './diagnosis.ts'

/** Options of the diagnosis of a run. */
export interface WatchOptions {
  /** Steps from one check to the next, at least 2. A suspicious check is repeated after a tenth of them. Default 200. */
  readonly every?: number | undefined
  /** Called once for each failure, between steps. For a failure that ends the run, it is called before the end. */
  readonly onDiagnosis: (diagnosis: Diagnosis) => void | Promise<void>
}
