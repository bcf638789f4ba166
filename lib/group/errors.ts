/** Errors of groups. */
import { PlainError } from '../util/foreign.ts'

/** Processes that do not become a group, or cease to be one. The message says what was expected, what came, and what to do. */
export class GroupError extends PlainError {
  /** 'GroupError'. */
  override readonly name: string = 'GroupError'
}

/** Another process of the group ended or fell silent. */
export class RankGoneError extends GroupError {
  /** Always 'RankGoneError'. */
  override readonly name = 'RankGoneError'
  /** Its number. */
  readonly rank: number
  /** The name of its machine. */
  readonly host: string
  /** Why it is gone, as far as is known. */
  readonly reason: string

  /** @internal */
  constructor(rank: number, host: string, reason: string) {
    super(`[group] rank ${rank} on ${host} ${reason}`)
    this.rank = rank
    this.host = host
    this.reason = reason
  }
}
