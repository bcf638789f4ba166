// Text that others wrote never commands the terminal: not in errors of readers, not in what the program prints.
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import sharp from 'sharp'
import t from 'tap'
import { openData } from '../lib/data/open.ts'
import { PhotoError } from '../lib/data/photos/decode.ts'
import { open } from '../lib/engine/device.ts'
import { SettingsError } from '../lib/run/settings.ts'
import { LayerError } from '../lib/use/cut.ts'
import { RunError } from '../lib/use/run-error.ts'
import { DamagedFileError, diskError, failedCall } from '../lib/util/files/errors.ts'
import { readJson } from '../lib/util/files/json.ts'
import { readSafetensors } from '../lib/util/files/safetensors.ts'
import { foreign, harmless, harmlessJson, shown } from '../lib/util/foreign.ts'
import { failure } from './failure.ts'
import { objects, runProgram } from './programs.ts'
import { trainedRun } from './trained-run.ts'

/** Colours, a title, a bell, a carriage return, a line end, C1's CSI, and a turn of the direction. */
const evil = 'a\x1b[31mb\x1b]0;title\x07c\rd\ne\x9b2Jf\u202eg\u2028h\x7fi'
const tame = 'a�[31mb�]0;title�c�d�e�2Jf�g�h�i'
const commands = /[^\P{Cc}\n\t]|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/u

t.test('foreign text', async (t) => {
  t.equal(foreign(evil), tame)
  t.equal(harmless(evil), tame.replace('d�e', 'd\ne'))
  t.equal(foreign('Ünïcode 犬 👩‍🔬 \u00a0'), 'Ünïcode 犬 👩‍🔬 \u00a0', 'letters stay')
  const json = JSON.stringify({ evil })
  t.notMatch(harmlessJson(json), commands)
  t.strictSame(JSON.parse(harmlessJson(json)), { evil }, 'JSON keeps its meaning')
  t.equal(shown(undefined), 'nothing')
  t.equal(shown({ a: [1, null] }), '{"a":[1,null]}')
  t.equal(shown('\x9b'), '"�"')
  t.equal(shown('x'.repeat(999)).length, 201)
})

t.test('errors of readers', async (t) => {
  for (const error of [
    new DamagedFileError(evil),
    new PhotoError(evil),
    new RunError(evil),
    new LayerError(evil),
    new SettingsError(evil),
    diskError('x', 'read', evil, failedCall('ENOENT', 'open'))
  ]) {
    t.ok(error instanceof Error && !commands.test(`${error.message}${error.stack}`))
  }
  const dir = t.testdir()
  const path = join(dir, evil.replaceAll('/', ''))
  writeFileSync(path, `{"${evil}`)
  for (const error of [
    await failure(readJson(path)),
    await failure(readSafetensors(path)),
    await failure(openData(path)),
    await failure(openData(join(path, 'not')))
  ]) {
    t.notMatch(error instanceof Error ? error.message : '', commands)
  }
})

t.test('what the program prints', async (t) => {
  const dir = t.testdir()
  const run = join(dir, 'run')
  {
    await using device = await open('cpu', { threads: 1 })
    await trainedRun(device, run)
  }
  const data = JSON.parse(readFileSync(join(run, 'data.json'), 'utf8'))
  const named = join(dir, 'named')
  cpSync(run, named, { recursive: true })
  const classes = data.classes.map((name: string) => `${evil}${name}`)
  writeFileSync(join(named, 'data.json'), JSON.stringify({ ...data, classes, name: evil }))
  const image = join(dir, `${evil}.png`)
  const raw = { width: 32, height: 32, channels: 3 } as const
  writeFileSync(
    image,
    await sharp(Buffer.alloc(32 * 32 * 3), { raw })
      .png()
      .toBuffer()
  )
  const broken = join(dir, `${evil}.jpg`)
  writeFileSync(broken, evil)
  // A set whose classes have such names.
  const pictures = join(dir, 'pictures')
  for (const name of classes) cpSync(image, join(pictures, name, 'one.png'))
  const index = join(dir, `${evil}.npy`)
  const env = { XDG_CACHE_HOME: join(dir, 'cache') }
  const use = async (code: number, ...args: string[]) => {
    const ended = await runProgram('lib/cli/main.ts', args, env)
    const what = foreign(args[0] ?? '')
    t.equal(ended.code, code, `${what}: ${ended.err}`)
    t.notMatch(ended.out, commands, `${what}: stdout`)
    t.notMatch(ended.err, commands, `${what}: stderr`)
    return ended
  }
  const device = ['--threads', '1', '--batch', '4']
  const { out } = await use(1, 'predict', named, image, broken, '--top', '3', ...device)
  t.match(out, tame.slice(0, 20))
  t.equal(out.split('\n').length, 5, 'one line for the file and for each of three classes')
  const json = await use(1, 'predict', named, image, broken, '--json', ...device)
  t.match(objects(json.out)[0], { predictions: [{ file: image }] }, 'JSON has the true names')
  await use(0, 'evaluate', named, '--data', pictures, '--split', 'all', ...device)
  await use(0, 'evaluate', named, '--data', pictures, '--split', 'all', '--json', ...device)
  await use(
    0,
    'features',
    named,
    join(pictures, classes[0] ?? ''),
    index,
    '--layer',
    'fc7',
    ...device
  )
  await use(0, 'similar', image, '--index', index, ...device)
  await use(0, 'prepare', pictures, join(dir, `${evil}prepared`))
  await use(1, 'filters', join(dir, evil), join(dir, 'x.png'))
  await use(2, evil)
})

t.test('no command writes past that function', async (t) => {
  const folder = resolve(import.meta.dirname, '../lib/cli')
  const past = readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    const file = join(entry.parentPath, entry.name)
    if (!entry.isFile()) return []
    const found = readFileSync(file, 'utf8').match(/console\.|std(out|err)\.write\(/g) ?? []
    return found.length > 0 ? [relative(folder, file)] : []
  })
  t.strictSame(past, ['shared/output.ts'])
})
