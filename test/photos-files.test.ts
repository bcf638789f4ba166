// What is found in folders and tars: links, names twice, holes, hidden files, damage. The pictures are found by name.
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { link, mkdir, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import t from 'tap'
import { openTree } from '../lib/data/photos/files/walk.ts'
import { scanListFile } from '../lib/data/photos/scan/list-file.ts'
import { tarOf, writeFiles } from './photo-files.ts'

const root = resolve(import.meta.dirname, '..')
/** A user without rights. */
const nobody = { uid: 65534, gid: 65534 }
const noOtherUser = whyNoOtherUser()

function whyNoOtherUser(): string | false {
  if (process.getuid?.() !== 0) return 'running as another user needs root'
  for (let path = root; path !== '/'; path = resolve(path, '..')) {
    if ((statSync(path).mode & 0o5) !== 0o5) return `other users may not read ${path}`
  }
  return false
}

/** The files of a tree with their text or fault, and its notes. */
async function look(path: string) {
  const tree = await openTree(path)
  try {
    const files: Record<string, string> = {}
    for (const file of tree.files) {
      files[file.name] = file.fault ?? Buffer.from(await tree.read(file)).toString()
    }
    return { files, notes: tree.notes }
  } finally {
    await tree.close()
  }
}

const tar = (folder: string, ...args: readonly string[]) =>
  execFileSync('tar', ['-C', folder, ...args])

t.test('links in a tar are followed within it', async (t) => {
  const folder = t.testdir()
  const zoo = await writeFiles(join(folder, 'zoo'), { 'a/1.jpg': 'one', 'a/2.jpg': 'two' })
  await mkdir(join(zoo, 'b'))
  await link(join(zoo, 'a/1.jpg'), join(zoo, 'b/hard.jpg'))
  await symlink('../a/2.jpg', join(zoo, 'b/soft.jpg'))
  await symlink('soft.jpg', join(zoo, 'b/twice.jpg'))
  await symlink('/etc/hostname', join(zoo, 'b/outside.jpg'))
  await symlink('a', join(zoo, 'c'))
  tar(folder, '-cf', `${folder}/zoo.tar`, 'zoo')
  const { files, notes } = await look(`${folder}/zoo.tar`)
  t.same(files, {
    'zoo/a/1.jpg': 'one',
    'zoo/a/2.jpg': 'two',
    'zoo/b/hard.jpg': 'one',
    'zoo/b/outside.jpg': 'links to nothing in its tar',
    'zoo/b/soft.jpg': 'two',
    'zoo/b/twice.jpg': 'two',
    'zoo/c/1.jpg': 'one',
    'zoo/c/2.jpg': 'two'
  })
  t.same(notes, [])
})

t.test('of a name that occurs twice in a tar, the last one counts', async (t) => {
  const folder = t.testdir()
  await writeFiles(folder, { 'a/1.jpg': 'old', 'a/2.jpg': 'two' })
  tar(folder, '-cf', `${folder}/x.tar`, 'a')
  await writeFiles(folder, { 'a/1.jpg': 'new' })
  tar(folder, '-rf', `${folder}/x.tar`, 'a/1.jpg')
  t.same(await look(`${folder}/x.tar`), {
    files: { 'a/1.jpg': 'new', 'a/2.jpg': 'two' },
    notes: ['1 name occurs more than once in its tar, and the last one counts: a/1.jpg.']
  })
})

t.test('what may not be read is listed', { skip: noOtherUser }, async (t) => {
  // Root may read everything: another user looks.
  const folder = mkdtempSync(join(tmpdir(), 'alexnode-unreadable-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const files = { 'cat/0.jpg': 'x', 'dog/0.jpg': 'x', 'fox/0.jpg': 'x', 'fox/1.jpg': 'x' }
  await writeFiles(folder, files)
  chmodSync(folder, 0o755)
  chmodSync(join(folder, 'dog'), 0)
  chmodSync(join(folder, 'fox/1.jpg'), 0)
  const program = ['--import', 'tsx', join(root, 'test/scan-program.ts'), folder]
  const { stdout, stderr, status } = spawnSync(process.execPath, program, {
    ...nobody,
    cwd: root,
    encoding: 'utf8'
  })
  t.equal(status, 0, stderr)
  const { classes, skipped } = JSON.parse(stdout)
  t.match(classes, ['cat', 'fox'])
  t.match(skipped, [{ file: /^dog/, reason: /cannot be read \(EACCES\)/ }])
})

t.test('sparse members and devices are listed, and what follows them is found', async (t) => {
  const folder = t.testdir()
  for (const format of ['gnu', 'pax']) {
    await writeFiles(folder, { 'a/holes.jpg': 'x', 'a/next.jpg': 'next' })
    await truncate(join(folder, 'a/holes.jpg'), 1 << 22)
    execFileSync('mkfifo', ['-m', '600', join(folder, `a/pipe-${format}`)])
    const path = `${folder}/${format}.tar`
    tar(folder, `--format=${format}`, '--sparse', '-cf', path, 'a')
    const { files } = await look(path)
    const holes = /^is stored with holes \(a sparse file\), which are not read: unpack the tar$/
    t.match(files['a/holes.jpg'], holes, format)
    t.equal(files['a/next.jpg'], 'next')
    t.equal(files[`a/pipe-${format}`], 'is a device or pipe, no file')
  }
})

t.test('hidden files and those of systems, by any part of the path', async (t) => {
  const litter = {
    'cat/1.jpg': '1',
    'cat/._1.jpg': '',
    'cat/.ipynb_checkpoints/1.jpg': '',
    'cat/@eaDir/1.jpg/thumb.jpg': '',
    '__MACOSX/cat/1.jpg': '',
    '.Trash/9.jpg': '',
    'cat/Thumbs.db': ''
  }
  const notes = [
    '4 hidden folders are left out: .Trash, __MACOSX, cat/.ipynb_checkpoints and 1 more.',
    '1 hidden picture is left out: cat/._1.jpg.'
  ]
  const folder = await writeFiles(t.testdir(), litter)
  t.same(await look(folder), { files: { 'cat/1.jpg': '1' }, notes })
  const path = join(t.testdirName, '..', 'hidden.tar')
  await writeFile(path, await tarOf(litter))
  t.same(await look(path), { files: { 'cat/1.jpg': '1' }, notes })
})

t.test('names in other encodings stay distinct', async (t) => {
  const folder = t.testdir()
  await mkdir(join(folder, 'in'))
  for (const byte of [0xe9, 0xe8]) {
    const inner = Buffer.concat([Buffer.from(`${folder}/in/caf`), Buffer.of(byte)])
    await mkdir(inner)
    await writeFile(Buffer.concat([inner, Buffer.from('/1.jpg')]), `${byte}`)
  }
  const files = { 'caf\\xe8/1.jpg': '232', 'caf\\xe9/1.jpg': '233' }
  const found = await look(join(folder, 'in'))
  t.same(found.files, files)
  t.match(found.notes, [/^2 names are not UTF-8, .*: caf\\xe8, caf\\xe9\.$/])
  for (const format of ['gnu', 'pax', 'ustar']) {
    execFileSync('sh', ['-c', `cd in && tar --format=${format} -cf ../${format}.tar *`], {
      cwd: folder
    })
    t.same((await look(`${folder}/${format}.tar`)).files, files, format)
  }
})

t.test('what cannot be read has its reason, and the rest is read', async (t) => {
  const folder = await writeFiles(t.testdir(), {
    'cat/1.jpg': '1',
    'owl.tar.gz': 'no archive',
    'rot.tar': Buffer.alloc(2048, 'rot'),
    'empty.tar': '',
    'packed.tar': Buffer.from('1f8b080000000000', 'hex')
  })
  await symlink('/nowhere', join(folder, 'fox'))
  await symlink('self', join(folder, 'self'))
  execFileSync('mkfifo', [join(folder, 'cat/pipe.jpg')])
  const inner = await tarOf({ '1.jpg': 'x'.repeat(600), '2.jpg': 'y'.repeat(600) })
  await writeFile(
    join(folder, 'outer.tar'),
    await tarOf({ 'cut.tar': inner.subarray(0, 2000), 'spoilt.tar': Buffer.alloc(1024, 'no') })
  )
  const { files, notes } = await look(folder)
  const noTar = 'is compressed or damaged, and no tar that can be read'
  t.same(files, {
    'cat/1.jpg': '1',
    'cat/pipe.jpg': 'is a pipe, no file',
    fox: 'is a link to nothing',
    'outer/cut/1.jpg': 'x'.repeat(600),
    'outer/spoilt.tar': noTar,
    'owl.tar.gz': 'is an archive: unpack it',
    'packed.tar': noTar,
    'rot.tar': noTar,
    self: 'is a link to itself'
  })
  const end = 'has no end: it was cut short, and files that followed are missing.'
  t.same(notes, [`${folder}/empty.tar ${end}`, `${folder}/outer.tar, cut.tar ${end}`])
})

t.test('a pipe as a list is refused at once', { timeout: 20_000 }, async (t) => {
  const path = join(t.testdir(), 'train.txt')
  execFileSync('mkfifo', [path])
  await t.rejects(scanListFile(path), { code: 'ENXIO', message: /train\.txt: it is a pipe/ })
})
