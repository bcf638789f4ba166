/** What ranks and the hub of rank 0 say to each other. Each head is checked when it arrives. */
import {
  anyText,
  dictionary,
  list,
  number,
  oneOf,
  type Rules,
  record,
  text,
  whole
} from '../../util/check/rules.ts'
import type { Head } from './frames.ts'

/** Facts that are to be equal on all ranks. */
export type Facts = Readonly<Record<string, string>>

interface Join {
  readonly t: 'join'
  readonly rank: number
  readonly size: number
  readonly host: string
  readonly facts: Facts
}
interface Put {
  readonly t: 'set'
  readonly id: number
  readonly key: string
}
interface Get {
  readonly t: 'get'
  readonly id: number
  readonly key: string
  readonly seconds: number
}
interface Gather {
  readonly t: 'gather'
  readonly id: number
  readonly key: string
  readonly seconds: number
}
interface Fail {
  readonly t: 'fail'
  readonly reason: string
}
interface Bye {
  readonly t: 'bye'
}
/** What a rank says to the hub. */
export type Request = Join | Put | Get | Gather | Fail | Bye

interface Ready {
  readonly t: 'ready'
  readonly hosts: readonly string[]
}
interface Refused {
  readonly t: 'refused'
  readonly reason: string
}
interface Done {
  readonly t: 'done'
  readonly id: number
}
interface Parts {
  readonly t: 'parts'
  readonly id: number
  /** Bytes of each rank's part of the body. */
  readonly sizes: readonly number[]
}
interface Failed {
  readonly t: 'error'
  readonly id: number
  readonly reason: string
}
interface Gone {
  readonly t: 'gone'
  readonly rank: number
  readonly host: string
  readonly reason: string
}
interface Left {
  readonly t: 'left'
  readonly rank: number
}
/** What the hub says to a rank. */
export type Reply = Ready | Refused | Done | Parts | Failed | Gone | Left

const count = whole({ from: 0 })
const wait = { id: count, key: text, seconds: number({ above: 0 }) }

function taking<Message>(rules: Rules<Message>) {
  const rule = record<Message>(rules)
  return (head: unknown): head is Message => rule.fault(head) === undefined
}

const requests = [
  taking<Join>({
    t: oneOf('join'),
    rank: count,
    size: whole({ from: 1 }),
    host: text,
    facts: dictionary(anyText)
  }),
  taking<Put>({ t: oneOf('set'), id: count, key: text }),
  taking<Get>({ t: oneOf('get'), ...wait }),
  taking<Gather>({ t: oneOf('gather'), ...wait }),
  taking<Fail>({ t: oneOf('fail'), reason: anyText }),
  taking<Bye>({ t: oneOf('bye') })
]

const replies = [
  taking<Ready>({ t: oneOf('ready'), hosts: list(text) }),
  taking<Refused>({ t: oneOf('refused'), reason: anyText }),
  taking<Done>({ t: oneOf('done'), id: count }),
  taking<Parts>({ t: oneOf('parts'), id: count, sizes: list(count) }),
  taking<Failed>({ t: oneOf('error'), id: count, reason: anyText }),
  taking<Gone>({ t: oneOf('gone'), rank: count, host: text, reason: anyText }),
  taking<Left>({ t: oneOf('left'), rank: count })
]

export function requestOf(head: Head): Request | undefined {
  for (const isOne of requests) if (isOne(head)) return head
  return undefined
}

export function replyOf(head: Head): Reply | undefined {
  for (const isOne of replies) if (isOne(head)) return head
  return undefined
}
