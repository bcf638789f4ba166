// Makes the next version of what .changeset/ tells: package.json, the lock file and CHANGELOG.md are
// written anew. It commits and publishes nothing; it says what comes next.
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const { resolve } = require('node:path')

process.chdir(resolve(__dirname, '..'))

const run = (command, ...args) => execFileSync(command, args, { stdio: ['ignore', 2, 2] })
const version = () => JSON.parse(fs.readFileSync('package.json', 'utf8')).version

function main() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major < 22 || (major === 22 && minor < 13)) {
    throw new Error(
      `expected Node 22.13 or newer, as @changesets/cli needs, got ${process.versions.node}`
    )
  }
  const changed = execFileSync('git', ['status', '--porcelain'], { encoding: 'utf8' }).trimEnd()
  if (changed !== '') {
    throw new Error(`expected a clean git tree, got\n${changed}\nCommit that, or take it away.`)
  }
  const waiting = fs.readdirSync('.changeset').filter((file) => file.endsWith('.md'))
  if (waiting.length === 0) {
    throw new Error('expected changes in .changeset/, found none. Write one by `npm run change`.')
  }
  const before = version()
  run(process.execPath, 'node_modules/@changesets/cli/bin.js', 'version')
  // It does not know npm's lock file, which repeats the version.
  run('npm', 'install', '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund')
  const after = version()
  console.error(`alexnode: ${before} is ${after} now. Read CHANGELOG.md, then
  git add --all && git commit -m 'Release ${after}'
  git tag v${after} && git push origin main v${after}
The tag has .github/workflows/release.yml publish it.`)
}

try {
  main()
} catch (error) {
  console.error(`alexnode: ${error.message}`)
  process.exitCode = 1
}
