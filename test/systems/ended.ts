/** A program that was started, to its end. */
import type { ChildProcessByStdio } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import type { Ended } from './scenario.ts'

type Started = ChildProcessByStdio<Writable | null, Readable, Readable>

/** Waits for the end of a program. @throws where it could not be started */
export function endOf(child: Started): Promise<Ended> {
  return new Promise((done, failed) => {
    let out = ''
    let err = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
    })
    child.on('error', failed)
    child.on('close', (code, signal) => done({ code: code ?? signal ?? 'unknown', out, err }))
  })
}
