/** The middle of a store, in the process of rank 0: who has come, what they say, and who is gone. */

import { differences, ranksText } from './facts.ts'
import type { Frame } from './frames.ts'
import type { Link } from './link.ts'
import { type Facts, type Reply, type Request, requestOf } from './messages.ts'
import { Values } from './values.ts'

interface Member {
  readonly rank: number
  readonly size: number
  readonly host: string
  readonly facts: Facts
  readonly link: Link
}

export interface HubOptions {
  readonly size: number
  /** Where rank 0 listens, for messages. */
  readonly address: string
  /** Seconds that all may take to come. */
  readonly timeout: number
  /** More about why a rank may be missing. */
  hint(): string
  /** All are here, or it is clear that they will not be: nobody else is let in. */
  onSettled(): void
}

export class Hub {
  readonly #options: HubOptions
  readonly #members = new Map<number, Member>()
  readonly #newcomers = new Set<Link>()
  readonly #timer: NodeJS.Timeout
  #values: Values | undefined
  #settled = false

  constructor(options: HubOptions) {
    this.#options = options
    this.#timer = setTimeout(() => this.#late(), options.timeout * 1000)
  }

  /** Takes a connection whose other end has proved that it belongs here. */
  admit(link: Link): void {
    if (this.#settled) {
      link.cut()
      return
    }
    this.#newcomers.add(link)
    link.listen({
      onFrame: (frame) => this.#welcome(link, frame),
      onEnd: () => this.#newcomers.delete(link)
    })
  }

  #welcome(link: Link, { head }: Frame): void {
    const request = requestOf(head)
    this.#newcomers.delete(link)
    if (request?.t !== 'join') {
      link.cut()
      return
    }
    const { rank, size, host, facts } = request
    const member = { rank, size, host, facts, link }
    const { size: own } = this.#options
    const before = this.#members.get(rank)
    const zero = this.#members.get(0)?.host ?? 'this machine'
    if (size !== own || rank >= own) {
      const wrong = `rank ${rank} on ${host} was started as one of ${size}`
      this.#refuse(`${wrong}, rank 0 on ${zero} as one of ${own}`, [link])
    } else if (before) {
      const hosts = before.host === host ? `both on ${host}` : `on ${before.host} and on ${host}`
      this.#refuse(`two processes were started as rank ${rank}, ${hosts}`, [link])
    } else {
      this.#members.set(rank, member)
      link.listen({
        onFrame: (frame) => this.#hear(member, frame),
        onEnd: (reason) => this.#lose(member, reason)
      })
      if (this.#members.size === own) this.#begin()
    }
  }

  #begin(): void {
    const { size } = this.#options
    const members = Array.from({ length: size }, (_, rank) => this.#members.get(rank))
    const hosts = members.map((member) => member?.host ?? '')
    const differs = differences(
      members.map((member) => member?.facts ?? {}),
      hosts
    )
    if (differs.length > 0) {
      this.#refuse(`the ranks differ: ${differs.join('; ')}`)
      return
    }
    this.#settle()
    this.#values = new Values(hosts)
    for (const { link } of this.#members.values()) link.send({ t: 'ready', hosts } satisfies Reply)
  }

  #settle(): void {
    this.#settled = true
    clearTimeout(this.#timer)
    this.#options.onSettled()
  }

  #late(): void {
    const { size, timeout, address, hint } = this.#options
    const absent = Array.from({ length: size }, (_, rank) => rank).filter(
      (rank) => !this.#members.has(rank)
    )
    const who = `${ranksText(absent, [])} of ${size} did not come to ${address} within ${timeout} s`
    this.#refuse(`${who}${hint()}`)
  }

  /** Nothing comes of this group: all hear why. */
  #refuse(reason: string, more: readonly Link[] = []): void {
    this.#settle()
    const links = [...this.#members.values()].map(({ link }) => link)
    this.#members.clear()
    for (const link of [...links, ...this.#newcomers, ...more]) {
      link.send({ t: 'refused', reason } satisfies Reply)
      void link.close()
    }
    this.#newcomers.clear()
  }

  #hear(member: Member, { head, body }: Frame): void {
    const request = requestOf(head)
    const values = this.#values
    if (!request || request.t === 'join' || !values) {
      member.link.cut()
      this.#lose(member, 'sent what is no message')
      return
    }
    this.#serve(member, request, body, values)
  }

  #serve({ rank, link }: Member, request: Request, body: Uint8Array, values: Values): void {
    const answer = (reply: Reply, bytes?: Uint8Array) => link.send(reply, bytes)
    if (request.t === 'set') {
      const reason = values.set(request.key, body)
      answer(
        reason === undefined
          ? { t: 'done', id: request.id }
          : { t: 'error', id: request.id, reason }
      )
    } else if (request.t === 'get') values.get({ ...request, rank, answer })
    else if (request.t === 'gather') values.gather({ ...request, rank, answer }, body)
    else if (request.t === 'fail') this.#drop(rank, `failed: ${request.reason}`)
    else {
      this.#members.delete(rank)
      void link.close()
      values.leave(rank)
      this.#tell({ t: 'left', rank })
    }
  }

  /** A connection ended without a word. */
  #lose(member: Member, reason: string): void {
    if (this.#members.get(member.rank) !== member) return
    // Before all are here, another process may come in its place.
    if (this.#values) this.#drop(member.rank, reason)
    else this.#members.delete(member.rank)
  }

  #drop(rank: number, reason: string): void {
    const member = this.#members.get(rank)
    if (!member) return
    this.#members.delete(rank)
    void member.link.close()
    this.#tell({ t: 'gone', rank, host: member.host, reason })
  }

  #tell(reply: Reply): void {
    for (const { link } of this.#members.values()) link.send(reply)
  }

  /** Ends all: rank 0 closes its store. Its own member has said goodbye before. */
  async close(): Promise<void> {
    if (!this.#settled) this.#settle()
    this.#values?.close()
    const links = [...[...this.#members.values()].map(({ link }) => link), ...this.#newcomers]
    this.#members.clear()
    this.#newcomers.clear()
    await Promise.all(links.map((link) => link.close()))
  }
}
