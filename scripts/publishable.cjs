// Refuses to publish what users could not use: npm runs it before `npm publish` (prepublishOnly).
const { execFileSync, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const { join, resolve } = require('node:path')

const root = resolve(__dirname, '..')
process.chdir(root)

/** What stands against publishing, each with what to do. */
function problems() {
  const found = []
  const changed = execFileSync('git', ['status', '--porcelain'], { encoding: 'utf8' }).trimEnd()
  if (changed !== '') {
    found.push(`expected a clean git tree, got\n${changed}\nCommit that, or take it away.`)
  }

  const { version } = JSON.parse(fs.readFileSync('package.json', 'utf8'))
  const told = fs.readFileSync('CHANGELOG.md', 'utf8').split('\n').includes(`## ${version}`)
  if (!told) {
    found.push(
      `expected a section '## ${version}' in CHANGELOG.md, found none. Run \`npm run release\`.`
    )
  }

  const here = `${process.platform}-${process.arch}`
  if (here !== 'linux-x64') {
    found.push(`expected to publish from linux-x64, whose addon is prebuilt, got ${here}.`)
  } else if (spawnSync(process.execPath, ['scripts/prebuilds.cjs', '--check']).status !== 0) {
    const folder = join('prebuilds', here)
    found.push(
      `expected in ${folder} an addon that is newer than its sources, found none. ` +
        'Run `npm run prebuilds`.'
    )
  }
  return found
}

try {
  const found = problems()
  for (const problem of found) console.error(`alexnode: ${problem}`)
  if (found.length > 0) console.error('alexnode: nothing was published')
  process.exitCode = found.length > 0 ? 1 : 0
} catch (error) {
  console.error(`alexnode: ${error.message}`)
  process.exitCode = 1
}
