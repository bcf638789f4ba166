// Makes a fresh clone ready: system packages, npm's, the addon, dist. Each step does nothing when
// already done. npm runs it before `npm start` and `npm test`.
const { execFileSync } = require('node:child_process')
const { existsSync, statSync } = require('node:fs')
const { resolve } = require('node:path')

process.chdir(resolve(__dirname, '..'))
const run = (command, ...args) => execFileSync(command, args, { stdio: 'inherit' })
const older = (file, than) => !existsSync(file) || statSync(file).mtimeMs < statSync(than).mtimeMs

try {
  run(process.execPath, 'scripts/native-deps.cjs', '--install')
  if (older('node_modules/.package-lock.json', 'package-lock.json')) {
    run('npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund')
  }
  run('cmake', '-S', '.', '-B', 'build/cmake', '-DCMAKE_BUILD_TYPE=Release')
  run('cmake', '--build', 'build/cmake', '--parallel', '2')
  run('npx', 'tsc', '-p', 'tsconfig.build.json')
} catch (error) {
  process.exit(error.status || 1)
}
