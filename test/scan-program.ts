// Opens a source as the user that it runs as, and prints what it found.
import { openSource } from '../lib/data/photos/scan/index.ts'

const { classes, train, skipped, notes, close } = await openSource(process.argv[2] ?? '')
const pictures = Array.from({ length: train.length }, (_, i) => train.name(i))
console.log(JSON.stringify({ classes, pictures, skipped, notes }))
await close()
