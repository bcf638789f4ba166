// The kit for a bare machine: made, moved elsewhere and run with nothing but what a system has.
import { execFile, spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import t from 'tap'
import { runLines } from '../kit/child.ts'
import { readSanitized } from '../kit/sanitized.ts'
import { withoutPytorch } from './pytorch/run.ts'

const root = resolve(import.meta.dirname, '..')
const unfit =
  process.platform !== 'linux' || process.arch !== 'x64' || !existsSync('/usr/bin/dpkg')
    ? 'kits are made on x86-64 Debian'
    : spawnSync('xz', ['--version']).status !== 0
      ? 'there is no xz (Debian: xz-utils)'
      : false
const dir = t.testdir()
const out = join(dir, 'reports')

t.test('what compute-sanitizer says', async (t) => {
  const row = '{"kind":"op","name":"lrn","status":"passed"}\n'
  const head = '========= COMPUTE-SANITIZER\n'
  const none = '========= ERROR SUMMARY: 0 errors\n'
  const wrong = '========= Invalid __global__ read of size 4 bytes\n'
  const late = new Error('spawnSync compute-sanitizer ETIMEDOUT')
  const read = (status: number | null, stdout: string, error?: Error) =>
    readSanitized({ status, stdout, stderr: '', error })
  t.strictSame(read(0, head + row + row + none), { rows: 2, summary: 'ERROR SUMMARY: 0 errors' })
  t.match(read(9, head + row + wrong), { failed: /^exit code 9; .*; ========= Invalid __global__/ })
  t.match(read(1, row), { failed: /^exit code 1/ })
  t.match(read(1, `${head}========= Error: Device not supported\n`), { failed: /not supported/ })
  t.match(read(1, `${head}========= Device not supported\n`), { skipped: /refuses the device/ })
  t.match(read(null, head + row, late), { rows: 1, summary: /^the first 1 rows: .*ETIMEDOUT/ })
  t.match(read(null, head + row + wrong, late), { failed: /ETIMEDOUT; .*Invalid/ })
  t.match(read(null, head, late), { skipped: /it did not end/ })
})

t.test('a stage leaves nothing running', async (t) => {
  const program = `const { pid } = require('node:child_process').spawn('sleep', ['300'], { stdio: 'ignore' })
    console.log(JSON.stringify({ pid }))
    process.exit()`
  const { lines, error } = await runLines(['--eval', program], 60_000)
  t.equal(error, undefined)
  const pid = Number(lines[0]?.pid)
  const stat = () => {
    try {
      return readFileSync(`/proc/${pid}/stat`, 'utf8')
    } catch {
      return 'gone'
    }
  }
  while (!/^gone|\) Z /.test(stat())) await sleep(10)
  t.pass('it is gone')
})

t.test('it runs where there is no Node', { skip: unfit }, async (t) => {
  const made = spawnSync(process.execPath, ['scripts/gpu-kit.cjs'], {
    cwd: root,
    encoding: 'utf8',
    // Quick rather than small: it must fit all the same.
    env: { ...process.env, XZ_OPT: '-1' }
  })
  if (made.status !== 0 && /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENOTCACHED/.test(made.stderr)) {
    t.pass('made', { skip: 'npm cannot be reached, and its cache lacks dependencies' })
    return
  }
  t.equal(made.status, 0, made.stderr)
  const kit = join(dir, 'a kit')
  cpSync(join(root, '.gpu'), kit, { recursive: true })
  t.strictSame(readdirSync(kit).sort(), ['kit.tar.xz', 'run.sh'])
  const bytes = readdirSync(kit).reduce((sum, file) => sum + statSync(join(kit, file)).size, 0)
  t.ok(bytes <= 50 * 2 ** 20, `${bytes} bytes`)

  const run = (...args: string[]) =>
    promisify(execFile)('sh', [join(kit, 'run.sh'), ...args], {
      cwd: dir,
      env: { PATH: process.env.PATH, HOME: dir }
    })
  const wrong = await run('tea').catch((error) => error)
  t.match(wrong, { code: 2, stderr: /there is no stage 'tea'\n\nUsage: run\.sh/ })

  const { stdout } = await run('--brief', '--out', out)
  t.match(stdout, /^doctor: passed .*\n(.*\n)*selftest: passed .*\n(.*\n)*bench: passed /m)
  const files = readdirSync(out).sort()
  t.match(files, [/^\d{4}-\d\d-\d\d-.*\.json$/, /^\d{4}-\d\d-\d\d-.*\.md$/])
  const [json = '', markdown = ''] = files.map((file) => readFileSync(join(out, file), 'utf8'))
  const { machine, gpu, stages } = JSON.parse(json)
  t.match(machine, {
    alexnode: /^\d/,
    Node: process.version,
    CPU: /cores/,
    oneDNN: /^\d/,
    PyTorch: String
  })
  t.strictSame(
    stages.map(({ name }: { name: string }) => name),
    [
      ...['doctor', 'selftest', 'abi', 'gpu-parity', 'gpu-cudnn', 'gpu-replay', 'gpu-memory'],
      ...['gpu-ranks', 'gpu-train', 'gpu-infer', 'gpu-memcheck', 'gpu-racecheck', 'parity', 'bench']
    ]
  )
  const [doctor, selftest, , ...rest] = stages
  const [parity, bench] = rest.slice(-2)
  if (gpu === 'cpu') {
    for (const { skipped } of rest.slice(0, -2)) t.strictSame(skipped, ['no GPU that is ready'])
  }
  for (const { failed } of stages) t.strictSame(failed, [])
  t.ok(doctor.passed > 0 && selftest.passed > 0 && bench.passed > 0)
  if (gpu === 'cpu') t.match(doctor.skipped, [/no GPU/])
  t.match(selftest.skipped.at(-1), /device against device/)
  t.match(bench.figures, [{ name: 'fashion, batch 2, f32, train', alexnode: Number }])
  if (withoutPytorch) t.match(parity.skipped, [/PyTorch is not installed/])
  else t.match(parity.figures.at(-1), { name: /torchvision, fused: 10 losses/, error: Number })
  t.match(markdown, /^## parity: (passed|skipped)$/m)
})
