/** What a mistake in the options of the programs in bench/ and test/systems/ gives: one line, before anything is done. */
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import t from 'tap'

const root = resolve(import.meta.dirname, '..')

const cases: readonly (readonly [line: string, said: RegExp])[] = [
  ['bench/clones.ts .', /expected the folders of two clones, got 1$/],
  ['bench/clones.ts lib docs', /expected a clone that is set up, got one without .*lib$/],
  ['bench/clones.ts . . --rounds 0', /--rounds: expected a whole number from 1, got '0'$/],
  ['bench/clones.ts . . --only (', /--only: expected a regular expression, got '\('$/],
  ['bench/start.ts --rounds x', /--rounds: expected a whole number from 1, got 'x'$/],
  ['bench/start.ts --round 1', /Unknown option '--round'; expected of --rounds$/],
  ['bench/cpu.ts --only no-such', /--only: got 'no-such', expected of/],
  ['test/systems/main.ts --lost', /Unknown option '--lost'; expected of --list, --keep$/],
  ['test/systems/main.ts --list no-such', /no line has 'no-such' in it$/],
  ['test/systems/debian.ts --suite toString', /--suite: expected one of bookworm, trixie, got/],
  [
    'test/systems/debian.ts --node nonsense',
    /--node: expected a version such as .*, got 'nonsense'/
  ],
  ['test/systems/arm64.ts --suite sid', /--suite: expected one of bookworm, trixie, got 'sid'$/],
  ['test/systems/arm64.ts no-such', /no line has 'no-such' in it$/]
]

for (const [line, said] of cases) {
  t.test(line, async (t) => {
    const args = ['--import', 'tsx', ...line.split(' ')]
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: root,
      encoding: 'utf8'
    })
    t.match(stderr.trim(), said)
    t.notMatch(stderr, /^ +at /m, 'no stack trace')
    t.equal(stdout, '')
    t.equal(status, 2)
  })
}
