/**
 * NVIDIA's compute-sanitizer over the table of op cases: memcheck finds accesses out of bounds, racecheck threads of
 * a block that race for shared memory. It comes with CUDA's toolkit.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { cli } from '../bench/beside.ts'
import { partArguments, say } from './arguments.ts'
import { STAGE_LIMIT } from './child.ts'
import { readSanitized } from './sanitized.ts'

const { device, brief, double, rest } = partArguments()
const tool = rest[0] ?? 'memcheck'
/** A part of the table, to see that it works. */
const only = brief || double ? ['--op', 'softmax'] : []
const places = [process.env.CUDA_HOME, process.env.CUDA_PATH, '/usr/local/cuda', '/opt/cuda']
const program = [
  ...places.flatMap((place) => (place ? [join(place, 'bin/compute-sanitizer')] : [])),
  'compute-sanitizer'
].find((path) =>
  path.includes('/') ? existsSync(path) : spawnSync(path, ['--version']).status === 0
)

const name = `compute-sanitizer ${tool}, every op`
if (program === undefined) {
  say({ name, skipped: 'there is no compute-sanitizer (it comes with the CUDA toolkit)' })
} else check(program)

function check(sanitizer: string): void {
  const checked = [
    ...['--tool', tool, '--error-exitcode', '9', '--target-processes', 'application-only'],
    ...(tool === 'memcheck' ? ['--report-api-errors', 'no'] : [])
  ]
  const own = [...cli(), 'selftest', '--device', device, '--no-nets', '--json', ...only]
  const ended = spawnSync(sanitizer, [...checked, process.execPath, ...own], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    timeout: STAGE_LIMIT - 20_000
  })
  if (double) say({ name, skipped: 'a double has nothing for it to look at' })
  else say({ name, ...readSanitized(ended) })
}
