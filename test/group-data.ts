/** A process that compares its data with that of others, for tests. Its argument is what it opens. It prints JSON. */
import { checkSameData } from '../lib/cli/train/ranks.ts'
import { openData } from '../lib/data/open.ts'
import { joinGroup } from '../lib/group/group.ts'

const [path = ''] = process.argv.slice(2)
await using group = await joinGroup({ timeout: 30 })
const data = await openData(path)
try {
  // Their names are those of the folders.
  await checkSameData(group, { ...data, name: 'set' })
  console.log(JSON.stringify({ same: true }))
} catch (error) {
  console.log(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }))
}
