// Compiles lib/ into dist/ where dist/ is older, or not whole. npm runs it before it packs the package (`prepare`),
// and scripts/setup.cjs as one of its steps.
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const { join, resolve } = require('node:path')
const { changedSince, stamped, walk } = require('./stamps.cjs')

const root = resolve(__dirname, '..')
const stamp = 'build/dist.stamp'

/** What scripts/entries.cjs writes last, for each path that package.json exports. */
const entries = Object.values(require('../package.json').exports).flatMap(
  ({ import: module, require: common }) => (module ? [module.types, common.default] : [])
)

/** Whether the root's dist/ must be compiled. The working directory is the root. */
function isStale() {
  // What is waited for must be what tsc makes: its folders are named in one place.
  const { include } = require('../tsconfig.build.json')
  const sources = [...include, 'tsconfig.json', 'tsconfig.build.json', 'scripts/entries.cjs']
  if (changedSince(stamp, ...sources)) return true
  return ![...walk(...include)]
    .filter((path) => path.endsWith('.ts'))
    .map((path) => join('dist', path.replace(/ts$/, 'js')))
    .concat(entries)
    .every(fs.existsSync)
}

function compile() {
  // stdout belongs to what runs this (`npm pack --json`, `npm start -- --json`).
  stamped(stamp, () =>
    execFileSync('npm', ['run', '--silent', 'build:ts'], { stdio: ['inherit', 2, 2] })
  )
}

module.exports = { compile, isStale }

if (require.main === module) {
  process.chdir(root)
  try {
    if (isStale()) compile()
  } catch (error) {
    console.error(`alexnode: ${error.message}`)
    process.exit(1)
  }
}
