// Formats the native sources, or with --check says which are not formatted.
const { spawnSync } = require('node:child_process')
const { readdirSync } = require('node:fs')
const { resolve, join } = require('node:path')
const { install } = require('./native-deps.cjs')

/** Debian 12's. Each version breaks some lines in its own way. */
const VERSION = '14'

process.chdir(resolve(__dirname, '..'))
const files = ['native', 'test'].flatMap((folder) =>
  readdirSync(folder, { recursive: true })
    .filter((file) => /\.(h|cc|cuh?)$/.test(file))
    .map((file) => join(folder, file))
)
const checks = process.argv.includes('--check')
const how = checks ? ['--dry-run', '--Werror'] : ['-i']
const version = / version (\d+)/.exec(spawnSync('clang-format', ['--version']).stdout ?? '')?.[1]
if (checks && version !== undefined && version !== VERSION) {
  console.error(
    `alexnode: skipped: the native sources are formatted by clang-format ${VERSION}, of which ${version} differs`
  )
  process.exit(0)
}
const { error, status } = spawnSync('clang-format', [...how, ...files], { stdio: 'inherit' })
if (error) install('lint', false)
process.exit(error ? 1 : status)
