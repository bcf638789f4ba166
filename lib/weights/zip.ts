/** Tells what a zip archive of weights is: PyTorch's, or Keras's. */
import { DamagedFileError } from '../util/files/errors.ts'
import { listZip } from '../util/files/zip-list.ts'
import { shown } from '../util/foreign.ts'
import { someOf } from '../util/words.ts'
import type { WeightsReader } from './format.ts'
import { isKeras, readKerasArchive } from './keras/read.ts'
import { isTorch, readTorch } from './torch/read.ts'

/** Marks of an archive's first entry, and of an empty archive. */
const MARKS = ['PK\x03\x04', 'PK\x05\x06']

export const zipReader: WeightsReader = {
  matches: ({ bytes }) => MARKS.includes(Buffer.from(bytes.subarray(0, 4)).toString('latin1')),

  async read(begin) {
    const { path } = begin
    const entries = await listZip('weights', path)
    if (isTorch(entries)) return readTorch(begin, entries)
    if (isKeras(entries)) return readKerasArchive(begin, entries)
    throw new DamagedFileError(
      `[weights] ${path}: expected an archive of PyTorch (data.pkl) or Keras (model.weights.h5), got one of ` +
        `${entries.size === 0 ? 'nothing' : shown(someOf([...entries.keys()]))}`
    )
  }
}
