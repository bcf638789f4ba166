/** What npm says of the package before it is published, what refuses to publish it, and how a version is made. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  utimesSync,
  writeFileSync
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import t from 'tap'

const root = resolve(import.meta.dirname, '..')
const npm =
  process.env.npm_execpath ?? realpathSync(execFileSync('which', ['npm']).toString().trim())
const outer = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_|TAP|GIT_)/i.test(name))
const who = { name: 'A person', email: 'person@example.org' }
const env = {
  ...Object.fromEntries(outer),
  GIT_AUTHOR_NAME: who.name,
  GIT_AUTHOR_EMAIL: who.email,
  GIT_COMMITTER_NAME: who.name,
  GIT_COMMITTER_EMAIL: who.email,
  NO_COLOR: '1',
  NO_UPDATE_NOTIFIER: '1'
}

function run(cwd: string, program: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, env, encoding: 'utf8' })
  return { code: status, out: stdout, err: stderr }
}

/** A dry run sends nothing: npm is told of a registry where nobody answers, and of a login there. */
const registry = '127.0.0.1:9/'
const publish = (cwd: string, ...flags: string[]) =>
  run(
    cwd,
    process.execPath,
    ...[npm, 'publish', '--dry-run', `--registry=http://${registry}`, '--fetch-retries=0'],
    ...[`--//${registry}:_authToken=none`, ...flags]
  )

interface Manifest {
  readonly version: string
  readonly [field: string]: unknown
}
const read = (file: string) => readFileSync(file, 'utf8')
const manifestOf = (folder: string): Manifest => JSON.parse(read(join(folder, 'package.json')))
const manifest = manifestOf(root)

/** A repository with these of the files of this one, and `more`, all committed. */
function repository(
  folder: string,
  files: readonly string[],
  more: Readonly<Record<string, string>>
) {
  for (const file of files) cpSync(join(root, file), join(folder, file), { recursive: true })
  for (const [file, text] of Object.entries(more)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  execFileSync('git', ['init', '--quiet', '--initial-branch=main'], { cwd: folder, env })
  commit(folder)
  return folder
}

function commit(folder: string) {
  execFileSync('git', ['add', '--all'], { cwd: folder, env })
  execFileSync('git', ['commit', '--quiet', '--message=As it is'], { cwd: folder, env })
}

t.test('npm publish --dry-run warns of nothing', async (t) => {
  const { code, out, err } = publish(root, '--ignore-scripts')
  t.match({ code, out }, { code: 0, out: `+ alexnode@${manifest.version}` })
  t.match(err, /with tag latest and public access \(dry-run\)/)
  t.notMatch(err, /npm warn/)

  // Were there something, this would see it.
  const wrong = { name: 'alexnode', version: '0.0.0', bin: './cli.js', repository: 'someone/it' }
  const folder = t.testdir({ 'package.json': JSON.stringify(wrong), 'cli.js': '' })
  t.match(publish(folder).err, /npm warn publish/)
})

t.test('what it would refuse', async (t) => {
  const files = ['package.json', 'CHANGELOG.md', '.gitignore', 'scripts', 'package-lock.json']
  const folder = repository(t.testdir(), files, { 'native/addon.cc': '// as it was\n' })
  const guard = () => run(folder, process.execPath, 'scripts/publishable.cjs')

  const none = publish(folder)
  t.not(none.code, 0, 'npm asks')
  t.match(none.err, /^alexnode: nothing was published$/m)

  const prebuilds = join(folder, `prebuilds/${process.platform}-${process.arch}`)
  const build = () => {
    for (const file of ['alexnode.glibc.node', 'NOTICES.txt', '../../build/prebuilds.stamp']) {
      mkdirSync(dirname(join(prebuilds, file)), { recursive: true })
      writeFileSync(join(prebuilds, file), '')
    }
  }
  const skip = `${process.platform}-${process.arch}` !== 'linux-x64' && 'publishes from linux-x64'
  t.test('an addon that is not there, or is older than its sources', { skip }, async (t) => {
    t.match(guard(), { code: 1, err: /expected in prebuilds\/linux-x64 an addon .*, found none/ })
    build()
    t.strictSame(guard(), { code: 0, out: '', err: '' })
    const later = new Date(Date.now() + 5000)
    utimesSync(join(folder, 'native/addon.cc'), later, later)
    t.match(guard(), { code: 1, err: /Run `npm run prebuilds`/ })
    const now = new Date(Date.now() - 5000)
    utimesSync(join(folder, 'native/addon.cc'), now, now)
    utimesSync(join(folder, 'native'), now, now)
    t.match(guard(), { code: 0 })
  })

  writeFileSync(join(folder, 'native/addon.cc'), '// changed\n')
  t.match(guard(), { code: 1, err: /expected a clean git tree, got\n M native\/addon\.cc\n/ })
  execFileSync('git', ['checkout', '--quiet', '.'], { cwd: folder, env })

  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ ...manifestOf(folder), version: '99.0.0' })
  )
  commit(folder)
  t.match(guard(), { code: 1, err: /expected a section '## 99\.0\.0' in CHANGELOG\.md/ })
})

t.test('npm run release', async (t) => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const old = major < 22 || (major === 22 && minor < 13)
  const files = [
    ...['package.json', 'package-lock.json', 'CHANGELOG.md', '.gitignore', '.npmrc'],
    ...['scripts', '.changeset/config.json']
  ]
  const folder = repository(t.testdir(), files, {})
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  // As a folder it is ignored, as a link it is not.
  writeFileSync(join(folder, '.git/info/exclude'), 'node_modules\n')
  const release = () => run(folder, process.execPath, 'scripts/release.cjs')

  t.test('Node 20 is told what it takes', { skip: !old && 'this Node is newer' }, async (t) => {
    t.match(release(), { code: 1, err: /expected Node 22\.13 or newer.*, got 20\./ })
  })

  const skip = old && `@changesets/cli needs Node 22.13, this is ${process.versions.node}`
  t.test('makes the next version in one place', { skip }, async (t) => {
    t.match(release(), { code: 1, err: /expected changes in \.changeset\/, found none/ })
    writeFileSync(join(folder, '.changeset/a.md'), '---\nalexnode: minor\n---\n\nLearns to fly.\n')
    t.match(release(), { code: 1, err: /expected a clean git tree, got\n\?\? \.changeset\/a\.md/ })
    commit(folder)

    const { code, err } = release()
    t.equal(code, 0, err)
    const [, before = 0] = manifest.version.split('.').map(Number)
    const { version } = manifestOf(folder)
    t.match(version, new RegExp(`^\\d+\\.${before + 1}\\.0$`))
    t.match(err, `git tag v${version} && git push origin main v${version}`)

    const changelog = read(join(folder, 'CHANGELOG.md'))
    t.match(
      changelog,
      new RegExp(
        `^# alexnode\\n\\n## ${version}\\n\\n### Minor Changes\\n\\n- [0-9a-f]+: Learns to fly\\.\\n`
      )
    )
    t.ok(changelog.endsWith(read(join(root, 'CHANGELOG.md')).replace('# alexnode\n\n', '')))
    const lock: unknown = JSON.parse(read(join(folder, 'package-lock.json')))
    t.match(lock, { version, packages: { '': { version } } })
    const changed = execFileSync('git', ['status', '--porcelain'], { cwd: folder, env }).toString()
    t.strictSame(changed.trimEnd().split('\n').sort(), [
      ' D .changeset/a.md',
      ' M CHANGELOG.md',
      ' M package-lock.json',
      ' M package.json'
    ])
  })
})
