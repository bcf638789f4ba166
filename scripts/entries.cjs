// Writes the declarations, and what else package.json's `exports` name, into dist.
//
// An import and a require() give the same module, so there is one set of declarations for both. TypeScript takes
// a declaration for that of an ES module or of CommonJS by the nearest package.json, and lets CommonJS read only
// the latter before 5.8: so they are CommonJS's, and import has a file of its own that names them all.
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const { join } = require('node:path')

const types = 'dist/types'

process.chdir(join(__dirname, '..'))
execFileSync(
  process.execPath,
  [
    require.resolve('typescript/bin/tsc'),
    ...['-p', 'tsconfig.build.json'],
    ...['--emitDeclarationOnly', '--declarationDir', types]
  ],
  { stdio: ['ignore', 2, 2] }
)
fs.writeFileSync(join(types, 'package.json'), '{ "type": "commonjs" }\n')
fs.writeFileSync(join(types, 'index.d.mts'), "export * from './lib/index.js'\n")
fs.writeFileSync('dist/lib/index.cjs', "module.exports = require('./index.js')\n")
fs.chmodSync('dist/lib/cli/main.js', 0o755)
