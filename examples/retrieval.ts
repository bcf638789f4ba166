/**
 * Figure 4 of the paper, from a net that was trained here (`alexnode filters` draws figure 3):
 *
 *     node --import tsx examples/retrieval.ts RUN FOLDER [--queries 5] [--images 5000] [--out retrieval.png]
 *
 * RUN is the folder of a run, FOLDER the data that it was trained on. Each row of the picture begins with a test image;
 * the six training images follow whose features of the layer fc7 (`--layer`) are nearest to its own.
 */
import { parseArgs } from 'node:util'
import { type ImageSet, open, openData, openTrained } from 'alexnode'
import { subset } from 'alexnode/data'
import { nearest, outputs } from 'alexnode/use'
import { drawRows } from './shared/picture-rows.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    layer: { type: 'string', default: 'fc7' },
    queries: { type: 'string', default: '5' },
    images: { type: 'string', default: '5000' },
    out: { type: 'string', default: 'retrieval.png' }
  }
})
const [run, folder] = positionals
if (run === undefined || folder === undefined) throw new Error('Name a run, and its data.')
const NEAREST = 6
const data = await openData(folder)
await using device = await open('cpu')
await using trained = await openTrained(run, device, { layer: values.layer, batch: 250 })

/** So many images of a set, evenly from all of it: a set of folders is sorted by class. */
const some = (set: ImageSet, most: number) => {
  const count = Math.min(most, set.length)
  return subset(
    set,
    Uint32Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * set.length) / count))
  )
}
const asked = some(data.test, Number(values.queries))
const known = some(data.train, Number(values.images))
const { input } = trained.facts
const featuresOf = (set: ImageSet) => outputs(trained.net, trained.takeUnlabelled(set), { input })

const width = trained.net.classes
const queries = new Float32Array(asked.length * width)
for await (const { first, values } of featuresOf(asked)) queries.set(values, first * width)
const found = await nearest(queries, width, featuresOf(known), NEAREST)

const rows = found.map((neighbours, query) => [
  { set: asked, index: query },
  ...neighbours.map(({ row }) => ({ set: known, index: row }))
])
await drawRows(values.out, rows)
const labels = async (set: ImageSet, indices: readonly number[]) => {
  const of = new Int32Array(indices.length)
  const bytes = new Uint8Array(indices.length * set.height * set.width * set.channels)
  await set.read(Uint32Array.from(indices), bytes, of)
  return Array.from(of, (label) => set.classes[label] ?? `${label}`)
}
let same = 0
for (const [query, neighbours] of found.entries()) {
  const [name] = await labels(asked, [query])
  const names = await labels(
    known,
    neighbours.map(({ row }) => row)
  )
  same += names.filter((other) => other === name).length
  console.log(`${name}: ${names.join(', ')}`)
}
console.log(`${same} of ${found.length * NEAREST} neighbours are of the same class`)

console.log(values.out)
