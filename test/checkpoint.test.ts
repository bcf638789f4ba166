import { fork } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { version } from '../lib/native/version.ts'
import {
  type Checkpoint,
  keepCheckpoints,
  listCheckpoints,
  newestCheckpoint,
  readCheckpoint,
  writeCheckpoint
} from '../lib/run/checkpoint.ts'
import { DamagedFileError } from '../lib/util/files/errors.ts'
import { checkpointOf } from './checkpoint-writer.ts'
import { forbidden, noSmallDisk, smallDisk } from './disks.ts'
import { failure } from './failure.ts'

const WRITER = new URL('./checkpoint-writer.ts', import.meta.url)
const FILES = ['manifest.json', 'optimizer.safetensors', 'state.json', 'weights.safetensors']

/** Turns one bit over in a file. */
function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
  writeFileSync(path, bytes)
}

/** Whether a checkpoint is, byte for byte, what the writer makes of its step. */
function isWritten({ step, weights, optimizer, state }: Checkpoint): boolean {
  return isDeepStrictEqual({ step, weights, optimizer, state }, checkpointOf(step))
}

t.test('what is written is read again', async (t) => {
  const dir = t.testdir()
  const folder = await writeCheckpoint(dir, checkpointOf(120))
  t.equal(folder, join(dir, 'checkpoint-00000120'))
  t.strictSame(readdirSync(folder).sort(), FILES)
  t.strictSame(readdirSync(dir), ['checkpoint-00000120'])
  const checkpoint = await readCheckpoint(folder)
  t.ok(isWritten(checkpoint))
  t.strictSame(checkpoint.state, checkpointOf(120).state)
  t.match(checkpoint, { folder, alexnode: version })
  t.match(JSON.parse(readFileSync(join(folder, 'state.json'), 'utf8')), { step: 120 })
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))
  t.match(manifest, { format: 'alexnode checkpoint', version: 1, alexnode: version, step: 120 })
  t.strictSame(Object.keys(manifest.files).sort(), FILES.slice(1))
})

t.test('the newest is that of the highest step, however many digits it has', async (t) => {
  const dir = t.testdir({ 'checkpoint-1': {}, 'checkpoint-00000007x': {}, other: {} })
  t.equal(await newestCheckpoint(dir), undefined)
  for (const step of [0, 99_999_999, 100_000_000, 5]) await writeCheckpoint(dir, checkpointOf(step))
  t.strictSame(
    (await listCheckpoints(dir)).map(({ step }) => step),
    [100_000_000, 99_999_999, 5, 0]
  )
  t.equal((await newestCheckpoint(dir))?.step, 100_000_000)
  t.equal(await newestCheckpoint(join(dir, 'none')), undefined)
  t.match(await failure(newestCheckpoint(join(dir, 'checkpoint-00000005', 'state.json'))), {
    code: 'ENOTDIR',
    message: /^\[checkpoint\] cannot read .*state\.json: a part of this path is a file/
  })
})

t.test('what cannot be saved is refused, and leaves nothing', async (t) => {
  const dir = t.testdir()
  const good = checkpointOf(1)
  const short = { a: { dtype: 'f32', shape: [9], data: new Uint8Array(4) } } as const
  const cycle: { self?: object } = {}
  cycle.self = cycle
  const cases = [
    [{ ...good, step: -1 }, /step: expected a whole number from 0, got -1/],
    [{ ...good, step: 1.5 }, /step: expected a whole number from 0, got 1\.5/],
    [{ ...good, weights: short }, /tensor "a": expected 36 bytes for f32 \[9\], got 4/],
    [{ ...good, optimizer: short }, /optimizer\.safetensors: tensor "a": expected 36 bytes/],
    [
      { ...good, state: { loss: Number.NaN } },
      /checkpoint\.state\.loss: expected plain JSON, got NaN/
    ],
    [{ ...good, state: { at: [1n] } }, /checkpoint\.state\.at\[0\]: expected plain JSON, got 1/],
    [{ ...good, state: { when: new Date(0) } }, /state\.when: expected plain JSON, got Date/],
    [
      { ...good, state: { seed: new Uint32Array(2) } },
      /seed: expected plain JSON, got Uint32Array/
    ],
    [{ ...good, state: { f: () => 1 } }, /state\.f: expected plain JSON, got \(\) ?=> ?1/],
    [{ ...good, state: { list: [undefined] } }, /list\[0\]: expected plain JSON, got undefined/],
    [{ ...good, state: cycle }, /state\.self: expected plain JSON, got a cycle/],
    [{ ...good, state: [] }, /state: expected an object, got \[\]/]
  ] as const
  for (const [data, message] of cases) {
    t.match(await failure(writeCheckpoint(dir, data)), { name: 'TypeError', message })
  }
  t.strictSame(readdirSync(dir), [])
  const twice = { a: 1 }
  const folder = await writeCheckpoint(dir, {
    ...good,
    state: { twice, again: twice, none: undefined }
  })
  t.strictSame((await readCheckpoint(folder)).state, { twice, again: twice })
})

t.test('the disk refuses', async (t) => {
  const dir = t.testdir()
  await writeCheckpoint(dir, checkpointOf(1))
  t.match(await failure(writeCheckpoint(dir, checkpointOf(1))), {
    code: 'EEXIST',
    message: /cannot write .*checkpoint-00000001: it exists already/
  })
  t.match(await failure(writeCheckpoint(join(dir, 'no'), checkpointOf(1))), {
    code: 'ENOENT',
    message: /cannot write .*no\/checkpoint-00000001: it or its parent folder does not exist/
  })
  await forbidden(join(dir, 'closed'), async () => {
    t.match(await failure(writeCheckpoint(join(dir, 'closed'), checkpointOf(1))), {
      code: 'EACCES',
      message: /cannot write .*closed\/checkpoint-00000001: permission denied/
    })
  })
  t.ok(isWritten(await readCheckpoint(join(dir, 'checkpoint-00000001'))))
})

t.test('a full disk leaves the checkpoint before it', { skip: noSmallDisk }, async (t) => {
  const dir = smallDisk(t, 500)
  await writeCheckpoint(dir, checkpointOf(1))
  t.match(await failure(writeCheckpoint(dir, checkpointOf(2))), {
    code: 'ENOSPC',
    message: new RegExp(
      `^\\[file\\] cannot write ${dir}/checkpoint-00000002/[a-z]+\\.safetensors: ` +
        'the disk is full \\(ENOSPC\\); free some space'
    )
  })
  t.strictSame(readdirSync(dir), ['checkpoint-00000001'])
  t.ok(isWritten((await newestCheckpoint(dir))!))
})

t.test('a damaged checkpoint is passed over, and the reason said', async (t) => {
  const dir = t.testdir({ whole: {} })
  const source = await writeCheckpoint(join(dir, 'whole'), checkpointOf(2))
  const newest = join(dir, 'checkpoint-00000002')
  await writeCheckpoint(dir, checkpointOf(1))
  const file = (name: string): string => join(newest, name)
  const edit = (name: string, from: string, to: string): void => {
    writeFileSync(file(name), readFileSync(file(name), 'utf8').replace(from, to))
  }
  const dropFile = (name: string): void => {
    const manifest = JSON.parse(readFileSync(file('manifest.json'), 'utf8'))
    delete manifest.files[name]
    writeFileSync(file('manifest.json'), JSON.stringify(manifest))
  }
  const cases: readonly (readonly [string, () => void, RegExp])[] = [
    [
      'a bit of the weights',
      () => flip(file('weights.safetensors'), 5000),
      /weights\.safetensors with SHA-256 [0-9a-f]{64}, got [0-9a-f]{64}; it is damaged/
    ],
    ['a bit of the state', () => flip(file('state.json'), 20), /expected state\.json with SHA-256/],
    [
      'cut short',
      () => truncateSync(file('optimizer.safetensors'), 999),
      /expected optimizer\.safetensors of \d+ bytes, got 999/
    ],
    [
      'too long',
      () => appendFileSync(file('weights.safetensors'), 'x'),
      /weights\.safetensors of \d+ bytes, got/
    ],
    [
      'a file gone',
      () => rmSync(file('weights.safetensors')),
      /cannot read .*weights\.safetensors: it or its parent/
    ],
    ['no manifest', () => rmSync(file('manifest.json')), /cannot read .*manifest\.json: it or/],
    [
      'manifest cut',
      () => truncateSync(file('manifest.json'), 50),
      /manifest\.json: expected JSON, got/
    ],
    [
      'not a manifest',
      () => edit('manifest.json', 'alexnode checkpoint', 'x'),
      /of format "alexnode checkpoint", got something else/
    ],
    [
      'no version',
      () => edit('manifest.json', '"version"', '"v"'),
      /with version, alexnode and step/
    ],
    [
      'no files',
      () => edit('manifest.json', '"files"', '"f"'),
      /expected files in manifest\.json, got nothing/
    ],
    ['no hash', () => edit('manifest.json', '"sha256"', '"s"'), /expected bytes and sha256 of /],
    [
      'not listed',
      () => dropFile('state.json'),
      /expected state\.json in manifest\.json, got weights/
    ],
    [
      'a path',
      () => edit('manifest.json', '"weights.safetensors"', '"../weights"'),
      /expected plain file names, got "\.\.\/weights"/
    ],
    [
      'another step',
      () => edit('manifest.json', '"step": 2', '"step": 3'),
      /expected step 3 in state\.json, got 2/
    ],
    [
      'a file',
      () => {
        rmSync(newest, { recursive: true })
        writeFileSync(newest, '')
      },
      /a part of this path is a file/
    ],
    [
      'an empty folder',
      () => {
        rmSync(newest, { recursive: true })
        mkdirSync(newest)
      },
      /manifest\.json: it or/
    ]
  ]
  for (const [name, harm, message] of cases) {
    rmSync(newest, { recursive: true, force: true })
    cpSync(source, newest, { recursive: true })
    harm()
    const skipped: string[] = []
    const found = await newestCheckpoint(dir, { onSkip: (reason) => skipped.push(reason) })
    t.equal(found?.step, 1, `${name}: the one before it is used`)
    t.equal(skipped.length, 1, `${name}: said once`)
    t.match(skipped[0], message, name)
    t.match(skipped[0], newest, `${name}: the folder is named`)
  }
  rmSync(newest, { recursive: true })
  cpSync(source, join(dir, 'checkpoint-00000009'), { recursive: true })
  const skipped: string[] = []
  t.equal((await newestCheckpoint(dir, { onSkip: (reason) => skipped.push(reason) }))?.step, 1)
  t.match(skipped, [/expected step 9, as its name says, got 2/])
  t.equal((await newestCheckpoint(dir))?.step, 1, 'onSkip may be left out')

  const error = await failure(readCheckpoint(join(dir, 'checkpoint-00000008')))
  t.match(error, { code: 'ENOENT', message: /cannot read .*checkpoint-00000008\/manifest\.json/ })
  flip(join(dir, 'checkpoint-00000001', 'weights.safetensors'), 100)
  t.equal(await newestCheckpoint(dir), undefined, 'none is whole')
  t.ok(
    (await failure(readCheckpoint(join(dir, 'checkpoint-00000001')))) instanceof DamagedFileError
  )
})

t.test('what is not damage is not passed over', async (t) => {
  const dir = t.testdir()
  await writeCheckpoint(dir, checkpointOf(1))
  const newest = await writeCheckpoint(dir, checkpointOf(2))
  const manifest = join(newest, 'manifest.json')
  const text = readFileSync(manifest, 'utf8')
  writeFileSync(manifest, text.replace('"version": 1', '"version": 2'))
  t.match(await failure(newestCheckpoint(dir)), {
    message:
      /expected format version 1 or less, got 2, written by alexnode .*; install that version/
  })
  writeFileSync(manifest, text, { mode: 0o600 })
  rmSync(manifest)
  writeFileSync(manifest, text, { mode: 0 })
  await forbidden(join(dir, 'other'), async () => {
    t.match(await failure(newestCheckpoint(dir)), { code: 'EACCES' })
  })
})

t.test('the newest ones are kept', async (t) => {
  const dir = t.testdir({ 'notes.txt': '', 'checkpoint-00000009.damaged': {} })
  for (let step = 1; step <= 6; step += 1) await writeCheckpoint(dir, checkpointOf(step))
  const left = async (): Promise<number[]> => (await listCheckpoints(dir)).map(({ step }) => step)
  t.strictSame(await keepCheckpoints(dir, 5), [join(dir, 'checkpoint-00000001')])
  t.strictSame(await left(), [6, 5, 4, 3, 2])

  truncateSync(join(dir, 'checkpoint-00000005', 'weights.safetensors'), 10)
  const skipped: string[] = []
  await keepCheckpoints(dir, 3, { onSkip: (reason) => skipped.push(reason) })
  t.strictSame(await left(), [6, 5, 4, 3], 'a damaged one does not count')
  t.match(skipped, [/expected weights\.safetensors of \d+ bytes, got 10/])

  flip(join(dir, 'checkpoint-00000006', 'weights.safetensors'), 5000)
  await keepCheckpoints(dir, 1)
  t.strictSame(await left(), [6, 5, 4], 'the last whole one stays, though newer ones look whole')
  flip(join(dir, 'checkpoint-00000004', 'weights.safetensors'), 5000)
  t.strictSame(await keepCheckpoints(dir, 1), [], 'with none whole nothing is removed')

  await writeCheckpoint(dir, checkpointOf(7))
  const trusted = join(dir, 'checkpoint-00000007')
  await keepCheckpoints(dir, 1, { trusted })
  t.strictSame(await left(), [7])
  t.strictSame(readdirSync(dir).sort(), [
    'checkpoint-00000007',
    'checkpoint-00000009.damaged',
    'notes.txt'
  ])
  for (const count of [0, -1, 1.5, Number.NaN]) {
    t.match(await failure(keepCheckpoints(dir, count)), {
      name: 'RangeError',
      message: `count: expected a whole number from 1, got ${count}`
    })
  }
})

t.test('killed at random moments, what is left is whole', { timeout: 300_000 }, async (t) => {
  const dir = t.testdir()
  const kills = 20
  let leftovers = 0
  let before = 0
  for (let kill = 0; kill < kills; kill += 1) {
    const child = fork(WRITER, [dir], { execArgv: ['--import', 'tsx'] })
    const gone = once(child, 'exit')
    const steps = 1 + (kill % 3)
    let reported = before
    child.on('message', (message: { start?: number; step?: number }) => {
      if (message.start !== undefined) t.equal(message.start, before, `${kill}: goes on`)
      reported = message.step ?? reported
      // A step takes some 30 ms, most of it fsync.
      if (reported === before + steps) setTimeout(() => child.kill('SIGKILL'), Math.random() * 60)
    })
    t.strictSame(await gone, [null, 'SIGKILL'])
    leftovers += readdirSync(dir).filter((name) => name.startsWith('.')).length

    const skipped: string[] = []
    const newest = await newestCheckpoint(dir, { onSkip: (reason) => skipped.push(reason) })
    if (newest === undefined) throw new Error(`${kill}: no checkpoint`)
    t.strictSame(skipped, [], `${kill}: none is damaged`)
    t.ok(newest.step >= reported, `${kill}: step ${newest.step} is not before ${reported}`)
    t.ok(isWritten(newest), `${kill}: is as it was written`)
    t.ok((await listCheckpoints(dir)).length <= 3, `${kill}: old ones are removed`)
    before = newest.step
  }
  t.ok(leftovers > 0, `${leftovers} leftovers: kills met writes half done`)
})
