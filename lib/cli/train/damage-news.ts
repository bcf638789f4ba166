/** Tells rank 0 which damaged images the other ranks have skipped: it alone speaks. */
import type { DamagedImage } from '../../data/skip-damaged.ts'
import type { Group } from '../../group/group.ts'

/** Steps from one telling to the next. */
const EVERY = 32

export class DamageNews {
  readonly #group: Group
  readonly #onSkip: (damage: DamagedImage) => void
  #untold: DamagedImage[] = []
  #told: Promise<unknown> = Promise.resolve()

  /** @param onSkip is told of each damaged image of this rank, on rank 0 of those of all */
  constructor(group: Group, onSkip: (damage: DamagedImage) => void) {
    this.#group = group
    this.#onSkip = onSkip
  }

  /** Takes a damaged image that this rank has skipped. */
  readonly add = (damage: DamagedImage): void => {
    this.#untold.push(damage)
    this.#onSkip(damage)
  }

  /** Called after each step, on all ranks. It waits for nothing. */
  after(step: number): void {
    if (step % EVERY > 0 || this.#group.size === 1) return
    const told = this.#tell()
    this.#told = Promise.all([this.#told, told])
    // `all` throws it.
    this.#told.catch(() => {})
  }

  /** Called on all ranks when nothing more is read. */
  async all(): Promise<void> {
    await this.#told
    if (this.#group.size > 1) await this.#tell()
  }

  async #tell(): Promise<void> {
    const { rank, hosts } = this.#group
    const own = this.#untold
    this.#untold = []
    const all = await this.#group.joining('damaged images')(Buffer.from(JSON.stringify(own)))
    if (rank > 0) return
    for (const [from, bytes] of all.entries()) {
      if (from === 0) continue
      const elsewhere = hosts[from] === hosts[0] ? '' : `${hosts[from]}:`
      const list = JSON.parse(Buffer.from(bytes).toString()) as DamagedImage[]
      for (const damage of list) this.#onSkip({ ...damage, file: `${elsewhere}${damage.file}` })
    }
  }
}
