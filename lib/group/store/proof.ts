/**
 * How both ends of a new connection prove that they know the run and its secret, by HMAC-SHA-256 over a random number of
 * each: neither travels, and a recorded proof is of no use later.
 *
 *   rank 0   "alexnode-store 1\n", its nonce [32]
 *   other    the same line, its nonce [32], a proof of the run [32], a proof of the secret [32]
 *   rank 0   a verdict [1], its own proof of the secret [32]
 *
 * Rank 0 begins, so that nothing is sent to another program that listens there.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Identity } from '../identity.ts'

export const MAGIC = 'alexnode-store 1\n'
/** How the line begins in all versions. */
export const FAMILY = 'alexnode-store '
const NONCE = 32
const PROOF = 32

export const GREETING_BYTES = MAGIC.length + NONCE
export const ANSWER_BYTES = MAGIC.length + NONCE + 2 * PROOF
export const VERDICT_BYTES = 1 + PROOF

/** What rank 0 says to an answer. */
export const VERDICTS = ['welcome', 'another run', 'another secret', 'no answer'] as const
export type Verdict = (typeof VERDICTS)[number]

/** What a process knows of its run. */
export class Keys {
  readonly #run: string
  readonly #secret: string

  constructor({ runId, restarts, secret }: Pick<Identity, 'runId' | 'restarts' | 'secret'>) {
    // An attempt that is about to end is another run.
    this.#run = `${restarts} ${runId}`
    this.#secret = secret ?? runId
  }

  run(nonces: Uint8Array): Buffer {
    return proof(this.#run, 'run', nonces)
  }

  secret(side: 'rank 0' | 'other', nonces: Uint8Array): Buffer {
    return proof(this.#secret, side, nonces)
  }
}

function proof(key: string, label: string, nonces: Uint8Array): Buffer {
  return createHmac('sha256', key).update(`${label}\0`).update(nonces).digest()
}

/** What rank 0 says first. */
export function greeting(): Buffer {
  return Buffer.concat([Buffer.from(MAGIC), randomBytes(NONCE)])
}

/** True for a greeting of this version. */
export function isGreeting(bytes: Buffer): boolean {
  return bytes.toString('latin1', 0, MAGIC.length) === MAGIC
}

/** What another rank answers to a greeting. */
export function answer(keys: Keys, greeting: Buffer): Buffer {
  const nonce = randomBytes(NONCE)
  const nonces = noncesOf(greeting, nonce)
  return Buffer.concat([Buffer.from(MAGIC), nonce, keys.run(nonces), keys.secret('other', nonces)])
}

/** What rank 0 thinks of an answer, and what it sends. */
export function judge(keys: Keys, greeting: Buffer, answer: Buffer): [Verdict, Buffer] {
  const at = MAGIC.length + NONCE
  const nonces = noncesOf(greeting, answer.subarray(MAGIC.length, at))
  const run = timingSafeEqual(answer.subarray(at, at + PROOF), keys.run(nonces))
  const secret = timingSafeEqual(answer.subarray(at + PROOF), keys.secret('other', nonces))
  const verdict = !isGreeting(answer)
    ? 'no answer'
    : !run
      ? 'another run'
      : secret
        ? 'welcome'
        : 'another secret'
  const own = verdict === 'welcome' ? keys.secret('rank 0', nonces) : Buffer.alloc(PROOF)
  return [verdict, Buffer.concat([Buffer.of(VERDICTS.indexOf(verdict)), own])]
}

/** What another rank thinks of a verdict: rank 0 has to know the secret, too. */
export function believe(keys: Keys, greeting: Buffer, answer: Buffer, verdict: Buffer): Verdict {
  const said = VERDICTS[verdict[0] ?? 0] ?? 'no answer'
  if (said !== 'welcome') return said
  const nonces = noncesOf(greeting, answer.subarray(MAGIC.length, MAGIC.length + NONCE))
  const isTrue = timingSafeEqual(verdict.subarray(1), keys.secret('rank 0', nonces))
  return isTrue ? 'welcome' : 'another secret'
}

function noncesOf(greeting: Buffer, own: Uint8Array): Buffer {
  return Buffer.concat([greeting.subarray(MAGIC.length), own])
}
