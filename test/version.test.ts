import { readFileSync } from 'node:fs'
import t from 'tap'
import { version } from '../lib/engine/index.ts'

t.test('the version is that of package.json', async (t) => {
  const manifest: unknown = JSON.parse(readFileSync('package.json', 'utf8'))
  t.match(manifest, { version })
})
