// Writes the declarations, and what else package.json's `exports` name, into dist.
//
// An import and a require() give the same module, so there is one set of declarations for both. TypeScript takes
// a declaration for that of an ES module or of CommonJS by the nearest package.json, and lets CommonJS read only
// the latter before 5.8: so they are CommonJS's, and each import has a file of its own that names them all.
// Declarations that no path leads to are left out of the package.
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const { basename, join, resolve } = require('node:path')
const ts = require('typescript')
const { exports: paths } = require('../package.json')
const { walk } = require('./stamps.cjs')

const types = 'dist/types'
/** Without files that are published as they are, such as package.json. */
const entries = Object.values(paths).filter((path) => path.import)

process.chdir(join(__dirname, '..'))
execFileSync(
  process.execPath,
  [
    require.resolve('typescript/bin/tsc'),
    ...['-p', 'tsconfig.build.json'],
    ...['--emitDeclarationOnly', '--stripInternal', '--declarationDir', types]
  ],
  { stdio: ['ignore', 2, 2] }
)

const options = { module: ts.ModuleKind.NodeNext, noLib: true, types: [] }
const roots = entries.map(({ require: { types } }) => types)
const reached = new Set(
  ts
    .createProgram(roots, options)
    .getSourceFiles()
    .map(({ fileName }) => resolve(fileName))
)
for (const path of walk(types)) {
  if (path.endsWith('.d.ts') && !reached.has(resolve(path))) fs.rmSync(path)
}

fs.writeFileSync(join(types, 'package.json'), '{ "type": "commonjs" }\n')
for (const { import: module, require: common } of entries) {
  const file = basename(module.default)
  fs.writeFileSync(module.types, `export * from './${file}'\n`)
  fs.writeFileSync(common.default, `module.exports = require('./${file}')\n`)
}
fs.chmodSync('dist/lib/cli/main.js', 0o755)
