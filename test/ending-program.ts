/** Commands that do not end by themselves: for ending.test.ts. */
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { runOnAllProcessors } from '../lib/cli/prepare/processors.ts'
import { program } from '../lib/cli/shared/program.ts'
import { replaceWith } from '../lib/util/files/atomic.ts'
import { FolderLock } from '../lib/util/files/lock.ts'

const [, , kind = '', path = ''] = process.argv

/** What cannot be closed. */
function failing(message: string): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      throw new Error(message)
    }
  }
}

if (kind === 'parent') await runOnAllProcessors(8)
else {
  await program(async (signal, saving) => {
    signal.addEventListener('abort', () => console.log('aborted'))
    const ends = new Promise((resolve) => signal.addEventListener('abort', resolve))
    // Something has to keep the process alive.
    const timer = setInterval(() => {}, 1000)
    console.log('begun')
    if (kind === 'fails') {
      clearInterval(timer)
      await using closed = failing('[close] another')
      await using again = failing('[work] the disk is full')
      throw new Error(closed && again && '[work] the disk is full')
    }
    if (kind === 'prepare') await ends
    else if (kind === 'reads') await readFile(path)
    else if (kind === 'holds') {
      await FolderLock.take(path)
      await replaceWith(`${path}/file`, async (temporary) => {
        await replaceWith(temporary, () => sleep(60_000))
      })
    } else if (kind === 'saves') {
      await saving(async () => {
        await ends
        await sleep(2500)
        console.log('saved')
      })
    } else await sleep(60_000)
    clearInterval(timer)
    signal.throwIfAborted()
  })
}
