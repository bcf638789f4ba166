import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '..')

/** Sets up this clone, and returns what it said. */
function setUp(): string {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/setup.cjs'], {
    cwd: root,
    encoding: 'utf8'
  })
  t.equal(status, 0, stderr)
  return stderr
}

t.test('what is set up is not set up again', async (t) => {
  setUp()
  t.equal(setUp(), '', 'nothing to do')
})
