import { version } from '../native/version.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { Run } from './folder.ts'

/** What rank 0 of a group tells the others of its run. */
export interface RunOfFirst {
  readonly folder: string
  readonly step: number
  /** The state to resume from; undefined for a new run. */
  readonly state: Checkpoint['state'] | undefined
}

/** The run of rank 0, as another process of its group knows it. It reads and writes nothing. */
export class FollowedRun implements Run {
  readonly folder: string
  readonly step: number
  readonly previousOptions = undefined
  readonly writes = false
  readonly isBlank = false
  readonly #state: Checkpoint['state'] | undefined

  constructor({ folder, step, state }: RunOfFirst) {
    this.folder = folder
    this.step = step
    this.#state = state
  }

  /** Without tensors: all ranks get those of rank 0 when training begins. */
  takeCheckpoint(): Checkpoint | undefined {
    const { folder, step } = this
    return (
      this.#state && {
        alexnode: version,
        folder,
        step,
        state: this.#state,
        weights: {},
        optimizer: {}
      }
    )
  }

  async log(): Promise<void> {}
  async setOptions(): Promise<void> {}
  async save(): Promise<string> {
    return this.folder
  }
  async close(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}
}
