// What alexnode needs from the system: to compile the addon, or, if named, for the tests or the
// linter. Exits 0 when all is there. Else it prints what is missing and the command that installs
// it, or, with --install, runs that command where it may.
//   node scripts/native-deps.cjs [compile|build|test|lint] [--install]
// `alexnode build` runs it, without --install.
const { execSync, spawnSync } = require('node:child_process')
const { existsSync, readdirSync, readlinkSync } = require('node:fs')
const { join } = require('node:path')

const ok = (command) => {
  try {
    execSync(command, { stdio: 'ignore', shell: '/bin/sh' })
    return true
  } catch {
    return false
  }
}
const has = (program) => ok(`command -v ${program}`)
/** What a name of Debian's alternatives stands for, whatever the architecture that it ends in. */
const alternatives = (name) => {
  const folder = '/etc/alternatives'
  const names = existsSync(folder)
    ? readdirSync(folder).filter((file) => file.startsWith(name))
    : []
  return names.map((file) => readlinkSync(join(folder, file)))
}
const compiles = (header) => () =>
  ok(`echo '#include <${header}>' | \${CXX:-c++} -std=c++20 -fsyntax-only -x c++ -`)

/** For nets that several processes train. The addon works without it, and only Linux has it. */
const gloo =
  process.platform === 'linux' && has('apt-get')
    ? [['Gloo', compiles('gloo/allreduce.h'), { apt: 'libgloo-dev' }]]
    : []

const needs = {
  // What `alexnode build` needs.
  compile: [
    ['a C++20 compiler', compiles('version'), { apt: 'g++', dnf: 'gcc-c++', brew: 'gcc' }],
    ['make', () => has('make'), { apt: 'make', dnf: 'make', brew: 'make' }],
    ['CMake', () => has('cmake'), { apt: 'cmake', dnf: 'cmake', brew: 'cmake' }],
    [
      'oneDNN',
      compiles('oneapi/dnnl/dnnl.hpp'),
      { apt: 'libdnnl-dev', dnf: 'onednn-devel', brew: 'onednn' }
    ],
    [
      'libjpeg-turbo',
      compiles('turbojpeg.h'),
      { apt: 'libturbojpeg0-dev', dnf: 'turbojpeg-devel', brew: 'jpeg-turbo' }
    ]
  ],
  // And a clone: node-gyp, by which the package's prebuilt addon is made, is partly in Python.
  get build() {
    const apart = [
      'Python 3',
      () => has('python3'),
      { apt: 'python3', dnf: 'python3', brew: 'python3' }
    ]
    return [...this.compile, apart, ...gloo]
  },
  // Importing torch would take seconds; its folder is proof enough.
  test: [
    [
      'PyTorch (for the parity tests)',
      () => existsSync('/usr/lib/python3/dist-packages/torch'),
      { apt: 'python3-torch' }
    ],
    // Debian's PyTorch takes the system's BLAS, and the one that comes by itself is forty times slower.
    [
      'OpenBLAS (for PyTorch)',
      () => alternatives('libblas.so.3').some((file) => file.includes('openblas')),
      { apt: 'libopenblas0-openmp' }
    ]
  ],
  lint: [
    [
      'clang-format',
      () => has('clang-format'),
      { apt: 'clang-format', dnf: 'clang-tools-extra', brew: 'clang-format' }
    ]
  ]
}
const managers = {
  apt: (list) =>
    `apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${list}`,
  dnf: (list) => `dnf install -y ${list}`,
  brew: (list) => `brew install ${list}`
}

const missing = (group) => needs[group].filter(([, test]) => !test())

/** Whether all of a group is there. */
const isThere = (group) => missing(group).length === 0

/** Says what a group lacks and how to install it; installs it with `run`. True when all is there. */
function install(group, run = true) {
  const lacking = missing(group)
  if (lacking.length === 0) return true
  const names = lacking.map(([name]) => name).join(', ')
  const manager = Object.keys(managers).find(
    (name) => has(name === 'apt' ? 'apt-get' : name) && lacking.every(([, , on]) => on[name])
  )
  const command = managers[manager]?.(lacking.map(([, , on]) => on[manager]).join(' '))
  const free = manager === 'brew' || process.getuid?.() === 0
  const shown = free ? command : command && `sudo sh -c '${command}'`
  // A password can be asked for only at a terminal, and is not for what one can do without.
  const may =
    free || ok('sudo -n true') || (has('sudo') && process.stdin.isTTY && group === 'build')

  if (shown && may && run) {
    console.error(`alexnode: installing ${names}:\n  ${shown}`)
    // The installer's talk goes to stderr: stdout belongs to the program that comes after.
    spawnSync(shown, { stdio: ['inherit', 2, 2], shell: '/bin/sh' })
    if (isThere(group)) return true
  }
  console.error(`alexnode: missing: ${names}.`)
  console.error(shown ? `Install it with\n  ${shown}\nand try again.` : 'Install it and try again.')
  return false
}

if (require.main === module) {
  const [group = 'build'] = process.argv.slice(2).filter((word) => word in needs)
  process.exit(install(group, process.argv.includes('--install')) ? 0 : 1)
}
module.exports = { has, install, isThere }
