// Builds prebuilds/<system>/ for the package: the addon, stripped, the libraries that it needs beside
// it, and their notices. With --if-stale it does nothing where nothing changed since the last time; with
// --check it only tells, by its status, whether that is so.
// prebuildify has node-gyp start afresh in build/: it works in a copy, and leaves the clone's build alone.
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const { availableParallelism, totalmem } = require('node:os')
const { basename, dirname, join, resolve } = require('node:path')
const { has, install } = require('./native-deps.cjs')
const { changedSince, nativeSources, stamped } = require('./stamps.cjs')

const root = resolve(__dirname, '..')
const copy = 'build/prebuilds'
const stamp = 'build/prebuilds.stamp'
const library = /^lib.*\.so(\.\d+)+$/
const out = join('prebuilds', `${process.platform}-${process.arch}`)

process.chdir(root)

function build() {
  fs.rmSync(out, { recursive: true, force: true })
  fs.rmSync(copy, { recursive: true, force: true })
  fs.mkdirSync(copy, { recursive: true })
  for (const source of ['package.json', 'CMakeLists.txt', 'native']) {
    fs.cpSync(source, join(copy, source), { recursive: true })
  }
  fs.cpSync('native/gyp/binding.gyp', join(copy, 'binding.gyp'))
  const jobs = Math.max(1, Math.min(availableParallelism(), Math.floor(totalmem() / 2 ** 30)))
  execFileSync(
    process.execPath,
    [
      require.resolve('prebuildify/bin.js'),
      ...['--napi', '--strip', '--tag-libc'],
      ...['--target', process.version, '--out', root]
    ],
    {
      cwd: copy,
      stdio: ['ignore', 2, 2],
      env: {
        ...process.env,
        // Five binaries a kernel would be megabytes of the package: NVRTC, which CUDA brings, compiles them.
        ALEXNODE_CUDA_ARCHS: '',
        // No download of Node's headers, which the build does not use.
        npm_config_nodedir: 'native/gyp',
        JOBS: process.env.JOBS ?? `${jobs}`,
        PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}`
      }
    }
  )
  // prebuildify leaves behind what has two numbers in its name, as libdnnl.so.3.6.
  const release = join(copy, 'build/Release')
  for (const file of fs.readdirSync(release).filter((file) => library.test(file))) {
    fs.copyFileSync(join(release, file), join(out, file))
  }
  fs.rmSync(copy, { recursive: true })
}

const debian = (program, ...args) => execFileSync(program, args, { encoding: 'utf8' }).trim()
/** As dpkg-query names a field. */
const field = (name) => `\${${name}}`
const rule = `\n${'='.repeat(80)}\n`

/** Licences that Debian's notices only refer to. */
const commonLicenses = { 'libdnnl.so': 'Apache-2.0', 'libgomp.so': 'GPL-3' }

/** The notices of the libraries in `out`, as the Debian packages they come from give them. */
function notices() {
  const libraries = fs.readdirSync(out).filter((file) => library.test(file))
  const parts = libraries.map((library) => {
    const [name = ''] = debian('sh', '-c', `dpkg -S '*/${library}'`).split(':')
    const version = debian('dpkg-query', '-W', '-f', field('Version'), name)
    const source = debian('dpkg-query', '-W', '-f', field('source:Package'), name)
    const sourceVersion = debian('dpkg-query', '-W', '-f', field('source:Version'), name)
    const common = Object.entries(commonLicenses).find(([start]) => library.startsWith(start))?.[1]
    const texts = [fs.readFileSync(`/usr/share/doc/${name}/copyright`, 'utf8')]
    if (common) texts.push(fs.readFileSync(`/usr/share/common-licenses/${common}`, 'utf8'))
    return {
      line: `- ${library}: unchanged from Debian's package ${name} ${version}; its source is ${source} ${sourceVersion}`,
      text: `${rule}${library}\n\n${texts.join('\n')}`
    }
  })
  const addonApi = dirname(require.resolve('node-addon-api/package.json'))
  const text = `Beside the addon (MIT, see LICENSE) lie libraries that others made. Each is a file
of its own, loaded at run time, and may be replaced by another build of it.

${parts.map(({ line }) => line).join('\n')}

Debian's archive of packages holds the sources, under the names and versions above.
The addon is compiled with the headers of node-addon-api, whose licence is last.
${parts.map((part) => part.text).join('\n')}${rule}node-addon-api

${fs.readFileSync(join(addonApi, 'LICENSE.md'), 'utf8')}`
  fs.writeFileSync(join(out, 'NOTICES.txt'), text)
}

const fresh =
  fs.existsSync(join(out, 'NOTICES.txt')) &&
  fs.readdirSync(out).some((file) => file.endsWith('.node')) &&
  !changedSince(stamp, ...nativeSources, __filename)
if (process.argv.includes('--check')) process.exit(fresh ? 0 : 1)
if (fresh && process.argv.includes('--if-stale')) process.exit(0)
if (!has('dpkg-query')) {
  console.error('alexnode: expected Debian, whose libraries and notices are packed: found no dpkg')
  process.exit(1)
}
if (!install('build', false)) process.exit(1)
try {
  stamped(stamp, () => {
    build()
    notices()
  })
} catch (error) {
  console.error(`alexnode: ${error.message}`)
  process.exit(1)
}
for (const file of fs.readdirSync(out)) {
  const bytes = fs.statSync(join(out, file)).size
  console.error(`${(bytes / 1e6).toFixed(1).padStart(6)} MB  ${join(out, basename(file))}`)
}
