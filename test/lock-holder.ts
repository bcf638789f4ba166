// A process that holds the lock of a folder until it is killed: for files-lock.test.ts.

import { FolderLock } from '../lib/util/files/lock.ts'

const dir = process.argv[2]
if (process.send !== undefined && dir !== undefined) {
  await FolderLock.take(dir)
  process.send('held')
  setInterval(() => {}, 1000)
}
