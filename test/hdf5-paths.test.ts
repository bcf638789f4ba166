// Files of HDF5 are read by any path that leads to them: the process that reads one opens nothing else.
import { join, relative } from 'node:path'
import t from 'tap'
import { readHdf5 } from '../lib/util/files/hdf5-open.ts'

const kept = join(import.meta.dirname, 'judges/kept')
const file = join(kept, 'keras-small.h5')
const dir = t.testdir({ link: t.fixture('symlink', kept), 'link.h5': t.fixture('symlink', file) })

for (const [name, path] of [
  ['relative', relative('.', file)],
  ['a link', join(dir, 'link.h5')],
  ['a parent of a linked folder', `${dir}/link/../kept/keras-small.h5`]
] as const) {
  t.test(name, async (t) => {
    t.equal((await readHdf5(path)).arrays.size, 12)
  })
}
