// What compiling the addon needs from the system. Exits 0 when all is there; else it prints what is
// missing and the command that installs it, or, with --install, runs that command.
// node-gyp-build runs this only when no prebuilt binary fits; scripts/setup.cjs runs it with --install.
const { execSync, spawnSync } = require('node:child_process')

const ok = (command) => {
  try {
    execSync(command, { stdio: 'ignore', shell: '/bin/sh' })
    return true
  } catch {
    return false
  }
}
const compiler = 'c++ -std=c++20 -fsyntax-only -x c++ -'
const needs = [
  [
    'C++20 compiler',
    `echo '#include <version>' | ${compiler}`,
    { apt: 'g++', dnf: 'gcc-c++', brew: 'gcc' }
  ],
  ['make', 'command -v make', { apt: 'make', dnf: 'make', brew: 'make' }],
  ['CMake', 'command -v cmake', { apt: 'cmake', dnf: 'cmake', brew: 'cmake' }],
  ['Python 3', 'command -v python3', { apt: 'python3', dnf: 'python3', brew: 'python3' }],
  [
    'oneDNN',
    `echo '#include <oneapi/dnnl/dnnl.hpp>' | ${compiler}`,
    { apt: 'libdnnl-dev', dnf: 'onednn-devel', brew: 'onednn' }
  ]
]
const managers = {
  apt: (list) =>
    `apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${list}`,
  dnf: (list) => `dnf install -y ${list}`,
  brew: (list) => `brew install ${list}`
}

const missing = needs.filter(([, test]) => !ok(test))
if (missing.length === 0) process.exit(0)

const names = missing.map(([name]) => name).join(', ')
const manager = Object.keys(managers).find((m) => ok(`command -v ${m === 'apt' ? 'apt-get' : m}`))
const command =
  manager && managers[manager](missing.map(([, , packages]) => packages[manager]).join(' '))
const root = manager === 'brew' || process.getuid?.() === 0 ? '' : 'sudo '
const shown = command && `${root}sh -c '${command}'`

if (command && process.argv.includes('--install')) {
  console.error(`alexnode: installing ${names}:\n  ${shown}`)
  process.exit(spawnSync(shown, { stdio: 'inherit', shell: '/bin/sh' }).status ?? 1)
}
console.error(
  `alexnode has no prebuilt binary for this machine, so it must be compiled, and this is missing: ${names}.`
)
console.error(shown ? `Install it with\n  ${shown}\nand try again.` : 'Install it and try again.')
process.exit(1)
