import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  removeFile,
  removeFolder,
  replaceFile,
  sweep,
  writeFolder
} from '../lib/util/files/atomic.ts'
import { writeBytes } from '../lib/util/files/bytes.ts'
import { DiskError } from '../lib/util/files/errors.ts'
import { fillUp, forbidden, noSmallDisk, setReadOnly, smallDisk } from './disks.ts'
import { failure } from './failure.ts'

async function fill(tmp: string): Promise<void> {
  await writeBytes(join(tmp, 'a'), [Buffer.from('one')])
  mkdirSync(join(tmp, 'sub'))
  await writeBytes(join(tmp, 'sub', 'b'), [Buffer.from('two')])
}

t.test('a folder is there whole or not at all', async (t) => {
  const dir = t.testdir()
  const final = join(dir, 'model')
  await writeFolder(final, async (tmp) => {
    await fill(tmp)
    t.notOk(existsSync(final), 'not there while it is filled')
    t.strictSame(await sweep(dir), [], 'a sweep leaves what is under way')
    t.ok(existsSync(tmp))
  })
  t.equal(readFileSync(join(final, 'a'), 'utf8'), 'one')
  t.equal(readFileSync(join(final, 'sub', 'b'), 'utf8'), 'two')
  t.strictSame(readdirSync(dir), ['model'])
})

t.test('a relative path', async (t) => {
  t.chdir(t.testdir())
  await writeFolder('here', fill)
  t.strictSame(readdirSync('.'), ['here'])
})

t.test('a failure while it is filled leaves nothing, and comes through', async (t) => {
  const dir = t.testdir()
  const mine = new RangeError('mine')
  const error = await failure(
    writeFolder(join(dir, 'model'), async (tmp) => {
      await fill(tmp)
      throw mine
    })
  )
  t.equal(error, mine)
  t.strictSame(readdirSync(dir), [])
})

t.test('nothing is overwritten', async (t) => {
  const dir = t.testdir({ folder: { old: 'old' }, empty: {}, file: 'old' })
  symlinkSync(join(dir, 'nowhere'), join(dir, 'link'))
  for (const name of ['folder', 'empty', 'file', 'link']) {
    const error = await failure(
      writeFolder(join(dir, name), async () => {
        t.fail('is not called')
      })
    )
    t.ok(error instanceof DiskError)
    t.match(error, {
      code: 'EEXIST',
      message: new RegExp(`^\\[folder\\] cannot write .*${name}: it exists already.*; choose`)
    })
  }
  t.equal(readFileSync(join(dir, 'folder', 'old'), 'utf8'), 'old')
  t.strictSame(readdirSync(dir).sort(), ['empty', 'file', 'folder', 'link'])
})

t.test('a parent that is missing, or a file', async (t) => {
  const dir = t.testdir({ file: '' })
  const none = await failure(writeFolder(join(dir, 'no', 'x'), fill))
  t.match(none, { code: 'ENOENT', message: /no\/x: it or its parent folder does not exist/ })
  const file = await failure(writeFolder(join(dir, 'file', 'x'), fill))
  t.match(file, { code: 'ENOTDIR', message: /file\/x: a part of this path is a file/ })
  t.strictSame(readdirSync(dir), ['file'])
})

t.test('permission denied', async (t) => {
  const dir = join(t.testdir(), 'closed')
  await forbidden(dir, async () => {
    const error = await failure(writeFolder(join(dir, 'x'), fill))
    t.match(error, { code: 'EACCES', message: /closed\/x: permission denied .*; change the perm/ })
    const file = await failure(replaceFile(join(dir, 'y'), 'text'))
    t.match(file, { code: 'EACCES', message: /closed\/y: permission denied/ })
    t.strictSame(readdirSync(dir), [])
  })
})

t.test('a full disk', { skip: noSmallDisk }, async (t) => {
  const dir = smallDisk(t, 1024)
  await replaceFile(join(dir, 'options'), 'old')
  const error = await failure(
    writeFolder(join(dir, 'model'), async (tmp) => {
      await writeBytes(join(tmp, 'small'), [new Uint8Array(1000)])
      await writeBytes(join(tmp, 'large'), [new Uint8Array(3 << 20)])
    })
  )
  t.ok(error instanceof DiskError)
  t.match(error, {
    code: 'ENOSPC',
    message: `[file] cannot write ${dir}/model/large: the disk is full (ENOSPC); free some space`
  })
  t.strictSame(readdirSync(dir), ['options'], 'nothing is left')

  const free = fillUp(dir)
  t.match(await failure(replaceFile(join(dir, 'options'), 'new'.repeat(5000))), {
    code: 'ENOSPC',
    message: /\/options: the disk is full/
  })
  t.equal(readFileSync(join(dir, 'options'), 'utf8'), 'old')
  free()
  t.strictSame(readdirSync(dir), ['options'])
  await writeFolder(join(dir, 'model'), fill)
  t.ok(existsSync(join(dir, 'model', 'a')), 'goes well once there is space')
})

t.test('a read-only disk', { skip: noSmallDisk }, async (t) => {
  const dir = smallDisk(t, 1024)
  await writeFolder(join(dir, 'old'), fill)
  setReadOnly(dir, true)
  const error = await failure(writeFolder(join(dir, 'model'), fill))
  t.match(error, { code: 'EROFS', message: /the disk is mounted read-only .*; choose a folder/ })
  const remove = await failure(removeFolder(join(dir, 'old')))
  t.match(remove, { code: 'EROFS', message: /cannot remove .*old: the disk is mounted/ })
  setReadOnly(dir, false)
  t.strictSame(readdirSync(dir), ['old'])
})

t.test('leftovers are known by name and swept', async (t) => {
  const dir = t.testdir({
    '.model.writing-0123456789ab': { half: '' },
    '.model.removing-0123456789ab': { half: '' },
    '.options.json.writing-0123456789ab': '',
    '.model.writing-xyz': {},
    '.git': {},
    'model.writing-0123456789ab': {},
    model: {}
  })
  t.strictSame([...(await sweep(dir))].sort(), [
    '.model.removing-0123456789ab',
    '.model.writing-0123456789ab',
    '.options.json.writing-0123456789ab'
  ])
  t.strictSame(readdirSync(dir).sort(), [
    '.git',
    '.model.writing-xyz',
    'model',
    'model.writing-0123456789ab'
  ])
  t.match(await failure(sweep(join(dir, 'none'))), {
    code: 'ENOENT',
    message: /cannot sweep .*none/
  })
})

t.test('files are replaced, files and folders removed', async (t) => {
  const dir = t.testdir({ folder: { a: { b: '' } } })
  await replaceFile(join(dir, 'file'), 'one')
  await replaceFile(join(dir, 'file'), 'two')
  t.equal(readFileSync(join(dir, 'file'), 'utf8'), 'two')
  t.match(await failure(replaceFile(join(dir, 'folder'), 'x')), {
    code: 'EISDIR',
    message: /folder: this is a folder/
  })
  await removeFolder(join(dir, 'folder'))
  await removeFile(join(dir, 'file'))
  await removeFile(join(dir, 'file'))
  t.strictSame(readdirSync(dir), [])
  t.match(await failure(removeFolder(join(dir, 'folder'))), {
    code: 'ENOENT',
    message: /\[folder\] cannot remove .*folder: it or its parent/
  })
  mkdirSync(join(dir, 'd'))
  t.match(await failure(removeFile(join(dir, 'd'))), { message: /\[file\] cannot remove .*d: / })
  writeFileSync(join(dir, 'plain'), '')
})
