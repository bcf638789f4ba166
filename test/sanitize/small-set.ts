/** Writes a small set of images into a folder: `small-set.ts FOLDER`. */
import { writeSmallSet } from '../idx-files.ts'

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('expected a folder, got none')
await writeSmallSet(folder)
