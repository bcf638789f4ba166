/** What the campaign and the process that runs its cases tell each other. */
import type { Mutation } from './edits.ts'
import type { Files } from './reader.ts'

/** Files by name: as text, or in base64 where they are no UTF-8. */
export type Encoded = Readonly<Record<string, string | { readonly base64: string }>>

export function encode(files: Files): Encoded {
  return Object.fromEntries(
    [...files].map(([name, content]) => {
      const bytes = Buffer.from(content)
      const text = bytes.toString('utf8')
      const whole = Buffer.from(text).equals(bytes)
      return [name, whole ? text : { base64: bytes.toString('base64') }]
    })
  )
}

export function decode(files: Encoded): Files {
  return new Map(
    Object.entries(files).map(([name, content]) => [
      name,
      typeof content === 'string' ? Buffer.from(content) : Buffer.from(content.base64, 'base64')
    ])
  )
}

/** A case: a mutation of a reader's files, or the files themselves. */
export interface Case {
  readonly reader: string
  readonly mutation?: Mutation
  readonly files?: Encoded
}

export interface Request extends Case {
  readonly id: number
  /** Only makes the files of the case, and sends them. */
  readonly render?: boolean
}

export interface Answer {
  readonly id: number
  /** Why the case failed; missing if it did not. */
  readonly fault?: string
  /** Whether the reader gave a value. */
  readonly value?: boolean
  readonly files?: Encoded
}
