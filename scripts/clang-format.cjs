// Formats the native sources, or with --check says which are not formatted.
const { spawnSync } = require('node:child_process')
const { readdirSync } = require('node:fs')
const { resolve, join } = require('node:path')
const { install } = require('./native-deps.cjs')

process.chdir(resolve(__dirname, '..'))
const files = ['native', 'test'].flatMap((folder) =>
  readdirSync(folder, { recursive: true })
    .filter((file) => /\.(h|cc|cuh?)$/.test(file))
    .map((file) => join(folder, file))
)
const how = process.argv.includes('--check') ? ['--dry-run', '--Werror'] : ['-i']
const { error, status } = spawnSync('clang-format', [...how, ...files], { stdio: 'inherit' })
if (error) install('lint', false)
process.exit(error ? 1 : status)
