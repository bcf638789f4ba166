/** What the hub keeps: values by key, and what ranks wait for. Each wait has an end. */
import { ranksText } from './facts.ts'
import { MOST_BODY } from './frames.ts'
import type { Reply } from './messages.ts'

/** Most bytes, and most keys, that a store keeps. */
const MOST_BYTES = 16 * MOST_BODY
const MOST_KEYS = 65_536

/** One rank's wait. */
interface Waiting {
  readonly rank: number
  readonly seconds: number
  answer(reply: Reply, body?: Uint8Array): void
}
export interface Asked extends Waiting {
  readonly id: number
  readonly key: string
}
interface Wait extends Asked {
  readonly timer: NodeJS.Timeout
}

interface Gathering {
  readonly parts: Map<number, Uint8Array>
  /** The ranks that took part, also those that have given up since. */
  readonly came: Set<number>
  readonly waits: Wait[]
}

export class Values {
  readonly #size: number
  readonly #hosts: readonly (string | undefined)[]
  readonly #values = new Map<string, Uint8Array>()
  readonly #waits = new Map<string, Wait[]>()
  readonly #gatherings = new Map<string, Gathering>()
  /** Ranks that will send no more. */
  readonly #left = new Set<number>()
  #bytes = 0

  constructor(hosts: readonly (string | undefined)[]) {
    this.#hosts = hosts
    this.#size = hosts.length
  }

  /** @returns what is wrong, if the value cannot be kept */
  set(key: string, value: Uint8Array): string | undefined {
    const bytes = this.#bytes + value.length - (this.#values.get(key)?.length ?? 0)
    const keys = this.#values.size + (this.#values.has(key) ? 0 : 1)
    if (bytes > MOST_BYTES || keys > MOST_KEYS) {
      return `expected at most ${MOST_KEYS} keys and ${MOST_BYTES} bytes in all, got more`
    }
    this.#bytes = bytes
    this.#values.set(key, value)
    for (const { id, timer, answer } of this.#waits.get(key) ?? []) {
      clearTimeout(timer)
      answer({ t: 'done', id }, value)
    }
    this.#waits.delete(key)
    return undefined
  }

  get(asked: Asked): void {
    const { id, key, answer } = asked
    const value = this.#values.get(key)
    if (value) answer({ t: 'done', id }, value)
    else if (this.#left.has(rankIn(key) ?? -1)) answer(this.#leftReply(asked))
    else {
      const waits = this.#waits.get(key) ?? []
      this.#waits.set(key, [
        ...waits,
        this.#wait(asked, (late) => {
          const others = this.#waits.get(key)?.filter((one) => one !== late) ?? []
          if (others.length > 0) this.#waits.set(key, others)
          else this.#waits.delete(key)
          return this.#unset(key)
        })
      ])
    }
  }

  /** Takes a rank's part; when all are here, each rank that waits gets them all. */
  gather(asked: Asked, part: Uint8Array): void {
    const { key, rank, answer } = asked
    const fresh: Gathering = { parts: new Map(), came: new Set(), waits: [] }
    const gathering = this.#gatherings.get(key) ?? fresh
    const { parts, came, waits } = gathering
    if (this.#left.size > 0) {
      answer(this.#leftReply(asked))
      return
    }
    this.#gatherings.set(key, gathering)
    parts.set(rank, part)
    came.add(rank)
    const late = (wait: Wait) => {
      const why = this.#absent(came)
      // Nobody gets a part whose own rank has given up.
      parts.delete(rank)
      waits.splice(waits.indexOf(wait), 1)
      return why
    }
    waits.push(this.#wait(asked, late))
    if (parts.size < this.#size) return
    this.#gatherings.delete(key)
    const all = Array.from({ length: this.#size }, (_, i) => parts.get(i) ?? new Uint8Array(0))
    const sizes = all.map(({ length }) => length)
    const body = Buffer.concat(all)
    for (const { id, timer, answer } of waits) {
      clearTimeout(timer)
      answer({ t: 'parts', id, sizes }, body)
    }
  }

  /** A rank closed its store: nobody waits for it any more. */
  leave(rank: number): void {
    this.#left.add(rank)
    for (const [key, waits] of this.#waits) {
      if (rankIn(key) !== rank) continue
      this.#waits.delete(key)
      this.#refuse(waits)
    }
    for (const { waits } of this.#gatherings.values()) this.#refuse(waits)
    this.#gatherings.clear()
  }

  /** Ends all waits without an answer. */
  close(): void {
    const waits = [...this.#gatherings.values()].map(({ waits }) => waits)
    for (const { timer } of [...this.#waits.values(), ...waits].flat()) clearTimeout(timer)
    this.#waits.clear()
    this.#gatherings.clear()
    this.#values.clear()
  }

  #refuse(waits: readonly Wait[]): void {
    for (const wait of waits) {
      clearTimeout(wait.timer)
      wait.answer(this.#leftReply(wait))
    }
  }

  #leftReply({ id }: Asked): Reply {
    const ranks = ranksText([...this.#left], this.#hosts)
    return {
      t: 'error',
      id,
      reason: `expected an answer, got none: ${ranks} closed the store before`
    }
  }

  /** @param late takes a wait away whose time is over, and says who it waited for */
  #wait(asked: Asked, late: (wait: Wait) => string): Wait {
    const { id, seconds, answer } = asked
    const end = () => {
      const reason = `expected an answer within ${seconds} s, got none: ${late(wait)}`
      answer({ t: 'error', id, reason })
    }
    const wait = { ...asked, timer: setTimeout(end, seconds * 1000).unref() }
    return wait
  }

  /** The ranks without a value, for a key of the form `name/rank`. */
  #unset(key: string): string {
    if (rankIn(key) === undefined) return 'no rank set it'
    const name = key.slice(0, key.lastIndexOf('/'))
    const ranks = Array.from({ length: this.#size }, (_, rank) => rank)
    const without = ranks.filter((rank) => !this.#values.has(`${name}/${rank}`))
    return `${ranksText(without, this.#hosts)} did not set ${name}/…`
  }

  #absent(came: ReadonlySet<number>): string {
    const ranks = Array.from({ length: this.#size }, (_, rank) => rank)
    const absent = ranks.filter((rank) => !came.has(rank))
    return `${ranksText(absent, this.#hosts)} did not take part`
  }
}

/** The rank in a key of the form `name/rank`. */
function rankIn(key: string): number | undefined {
  const [, rank] = /\/(\d{1,9})$/.exec(key) ?? []
  return rank === undefined ? undefined : Number(rank)
}
