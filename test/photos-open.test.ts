// One door: pictures are prepared when they are first used, and opened at once after that; with and
// without sharp.
import { existsSync } from 'node:fs'
import { readdir, readFile, truncate, utimes } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import t from 'tap'
import { openData } from '../lib/data/open.ts'
import { prepare } from '../lib/data/photos/prepare/prepare.ts'
import { classFiles, picture, tarOf, writeFiles } from './photo-files.ts'
import { Running, runProgram } from './programs.ts'

const root = resolve(import.meta.dirname, '..')
const cli = 'lib/cli/main.ts'

t.test('prepared on first use, opened at once after that', async (t) => {
  const folder = t.testdir()
  const source = await writeFiles(join(folder, 'my pets'), {
    ...(await classFiles({ 'train/cat': 2, 'train/dog': 2, 'test/cat': 1, 'test/dog': 1 })),
    'train/cat/bad.jpg': 'no picture'
  })
  const cache = join(folder, 'cache')
  const told: string[] = []
  const seen: number[] = []
  const use = async (path = source) => {
    told.length = 0
    seen.length = 0
    return openData(path, {
      cache,
      onNotice: (text) => told.push(text),
      onPrepare: (done) => seen.push(done)
    })
  }
  const first = await use()
  const [place = ''] = await readdir(join(cache, 'prepared'))
  t.match(place, /^my_pets-[0-9a-f]{12}$/)
  const into = join(cache, 'prepared', place)
  t.same(told, [
    `Preparing ${source} (a folder of classes, in parts) into ${into}, once.`,
    'Skipped: 1 × is of no kind known here: train/cat/bad.jpg.'
  ])
  t.same(seen, [1, 2, 3, 4, 5, 6, 7])
  t.match(first, {
    name: 'my pets',
    classes: ['cat', 'dog'],
    train: { length: 4 },
    test: { length: 2 },
    source: `a folder of classes, in parts in ${source}, prepared in ${into}, 1 images skipped (dataset.json there)`
  })
  t.match(await use(), { source: first.source })
  t.same([told, seen], [[], []])
  t.match(await use(into), { source: `prepared in ${into}`, train: { length: 4 } })

  await writeFiles(source, { 'train/cat/bad.jpg': await picture(99) })
  await utimes(join(source, 'train/cat/bad.jpg'), 5, 5)
  t.match(await use(), { train: { length: 5 } })
  t.equal(told[0], 'my pets has changed since it was prepared: it is prepared again.')
  t.same(await readdir(join(cache, 'prepared')), [place])

  await truncate(join(into, 'train-00000.shard'), 600)
  t.match(await use(), { train: { length: 5 } })
  t.same(told, [
    `What was prepared in ${into} is damaged: it is prepared again.`,
    `Preparing ${source} (a folder of classes, in parts) into ${into}, once.`
  ])

  const tar = await writeFiles(folder, {
    'pets.tar': await tarOf(await classFiles({ a: 1, b: 2 }))
  })
  const own = await use(join(tar, 'pets.tar'))
  t.match(own, { name: 'pets', train: { length: 3 }, test: { length: 3 } })
  t.match(own.source, /tested on all$/)
})

t.test(
  'raw shards are read without sharp, and without it pictures are a clear error',
  async (t) => {
    const folder = t.testdir({
      'no-sharp.mjs':
        "import { register } from 'node:module'\n" +
        "register('data:text/javascript,' + encodeURIComponent(`export const resolve = (name, context," +
        " next) => name === 'sharp' ? Promise.reject(Object.assign(new Error('none')," +
        " { code: 'ERR_MODULE_NOT_FOUND' })) : next(name, context)`))\n",
      'use.mjs':
        `import { openData } from ${JSON.stringify(join(root, 'lib/data/open.ts'))}\n` +
        'for (const path of process.argv.slice(2)) {\n' +
        '  try {\n' +
        '    const { train } = await openData(path, { cache: process.argv[2] + "-cache" })\n' +
        '    const images = new Uint8Array(train.height * train.width * 3)\n' +
        '    await train.read(Uint32Array.of(1), images, new Int32Array(1))\n' +
        "    console.log(images.some((byte) => byte > 0) ? 'read' : 'empty')\n" +
        '  } catch (error) {\n' +
        '    console.log(error.message)\n' +
        '  }\n' +
        '}\n'
    })
    const source = await writeFiles(join(folder, 'in'), await classFiles({ a: 1, b: 1 }))
    for (const store of ['raw', 'jpeg'] as const)
      await prepare(source, join(folder, store), { size: 8, store })
    const paths = ['raw', 'jpeg', 'in'].map((name) => join(folder, name))
    const env = { NODE_OPTIONS: `--import ${join(folder, 'no-sharp.mjs')}` }
    const { code, out, err } = await runProgram(relative(root, join(folder, 'use.mjs')), paths, env)
    const wanted =
      '[photos] expected the package sharp, which decodes photographs, got none;' +
      ' install it: npm install --include=optional sharp'
    t.same([code, out.trim().split('\n')], [0, ['read', wanted, wanted]], err)
  }
)

t.test('alexnode prepare', async (t) => {
  const folder = t.testdir()
  const source = await writeFiles(join(folder, 'in'), {
    ...(await classFiles({ a: 2, b: 2 })),
    'b/x.jpg': 'no picture'
  })
  const out = join(folder, 'out')
  // In one go: each start of Node takes a second.
  const args = ['prepare', source, out, '--size', '8', '--store', 'jpeg', '--quality', '80']
  const [json, usage, empty] = await Promise.all([
    runProgram(cli, [...args, '--json']),
    runProgram(cli, ['prepare', source]),
    runProgram(cli, ['prepare', source, ''])
  ])
  t.equal(json.code, 0, json.err)
  t.match(json.err, /^image 1\/5/m)
  const lines = json.out.trim().split('\n')
  t.match(JSON.parse(lines.at(-1) ?? ''), {
    images: 4,
    train: 4,
    test: 0,
    classes: 2,
    out,
    name: 'in',
    form: 'jpeg',
    height: 8,
    shards: 1,
    skipped: [{ file: 'b/x.jpg', reason: 'is of no kind known here' }],
    testing: /tested on all$/
  })
  t.equal(usage.code, 2)
  t.match(usage.err, /missing required argument 'out'/)
  t.match(empty, { code: 2, out: '', err: /expected names of SRC and OUT, got an empty one/ })

  const again = await runProgram(cli, args)
  t.equal(again.code, 0, again.err)
  t.match(again.out, /Images +4 of 8×8×3, JPEG 80\n/)
  t.match(
    again.out,
    /Skipped +1 \(dataset.json names all\):\n +1 × is of no kind known here: b\/x.jpg\n/
  )
  t.ok(again.out.split('\n').every((line) => line.includes(folder) || line.length <= 80))
  const manifest: unknown = JSON.parse(await readFile(join(out, 'dataset.json'), 'utf8'))
  t.match(manifest, { quality: 80, train: { images: 4 } })
})

t.test('alexnode prepare, interrupted', async (t) => {
  const folder = t.testdir()
  await writeFiles(folder, await classFiles({ a: 1 }))
  // So many that nobody's Ctrl-C comes too late.
  const source = join(
    await writeFiles(folder, { 'in.txt': 'a/0.jpg 1\n'.repeat(20_000) }),
    'in.txt'
  )
  const out = join(folder, 'out')
  const running = new Running(cli, ['prepare', source, out, '--size', '256', '--duplicates'])
  await running.says(/image 1\/20000/)
  running.process.kill('SIGINT')
  const stopped = await running.ended
  t.equal(stopped.code, 130, stopped.err)
  t.match(stopped.out, /Stopped. Whole shards are kept in .*: run the command again to resume/)
  t.notOk(existsSync(join(out, 'dataset.json')))
  t.notOk(existsSync(join(out, 'lock')))
})
