import type { Diagnosis } from './diagnosis.ts'
import type { ReluStats } from './relu-stats.ts'
import type { UpdateRatio } from './update-ratios.ts'

/** What a check measured of a net, layer by layer. */
export interface Measurement {
  /** Steps done. */
  readonly step: number
  /** The outputs of each ReLU, for the batch of the step before. */
  readonly relus: readonly ReluStats[]
  /** How much the step changed the weights of each layer. */
  readonly weights: readonly UpdateRatio[]
}

/** Options of the diagnosis of a run. */
export interface WatchOptions {
  /** Steps from one check to the next, at least 2. A suspicious check is repeated after a tenth of them. Default 200. */
  readonly every?: number | undefined
  /** Called once for each failure, between steps. For a failure that ends the run, it is called before the end. */
  readonly onDiagnosis: (diagnosis: Diagnosis) => void | Promise<void>
  /** Called with what each check measured, between steps. */
  readonly onMeasured?: ((measurement: Measurement) => void | Promise<void>) | undefined
}
