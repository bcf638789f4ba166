// A table of sources as people have them: for each, the classes, the pictures of both parts, what was skipped and what
// is said of it. A class is written with its pictures, in the order of the labels: 'cat: 1.jpg 2.jpg'.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { openSource } from '../lib/data/photos/scan/index.ts'
import type { Source, SourcePart } from '../lib/data/photos/scan/source.ts'
import { counting, idx, writeSet } from './idx-files.ts'
import { tarOf, writeFiles } from './photo-files.ts'

type Files = Readonly<Record<string, string | Uint8Array>>

interface Case {
  readonly name: string
  readonly files: Files
  /** The list to open; default: the folder. */
  readonly open?: string
  /** Folders that name a class. */
  readonly depth?: number
  /** Classes with their training pictures. */
  readonly train: readonly string[]
  /** The same of the test part. */
  readonly test?: readonly string[]
  readonly skipped?: readonly string[]
  readonly notes?: readonly (string | RegExp)[]
}

/** Empty files of these names. */
const none = (...names: readonly string[]): Files =>
  Object.fromEntries(names.map((name) => [name, '']))

/** Numbered pictures in folders. */
const pictures = (folders: readonly string[], count = 2): Files =>
  none(
    ...folders.flatMap((folder) => Array.from({ length: count }, (_, i) => `${folder}/${i}.jpg`))
  )

const ten = Array.from({ length: 10 }, (_, i) => String(i))

const cases: readonly Case[] = [
  {
    name: 'labels of several words in a CSV',
    files: {
      ...none('0.png', '1.png', '2.png'),
      'l.csv': '0.png,golden retriever\n1.png,golden eagle\n2.png,sea lion\n'
    },
    open: 'l.csv',
    train: ['golden eagle: 1.png', 'golden retriever: 0.png', 'sea lion: 2.png']
  },
  {
    name: 'the same beside the pictures, with quotes, a header and semicolons',
    files: {
      ...none('a, b.png', '1.png', '2.png'),
      'labels.csv': 'file;breed\r\n"a, b.png";"golden ""old"" retriever"\r\n1.png;golden eagle\r\n'
    },
    train: ['golden "old" retriever: a, b.png', 'golden eagle: 1.png'],
    skipped: ['2.png has no class: labels.csv does not name it']
  },
  {
    name: 'a byte order mark and tabs',
    files: {
      ...none('a.png', 'b.png'),
      'l.tsv': '\ufeffimage\tlabel\na.png\tsea lion\nb.png\tcat\n'
    },
    train: ['cat: b.png', 'sea lion: a.png']
  },
  ...(['utf-16le', 'utf-16be'] as const).map((encoding) => {
    const text = Buffer.from('\ufeffa.png,Bär\nb.png,cat\n', 'utf16le')
    return {
      name: encoding,
      files: { ...none('a.png', 'b.png'), 'l.csv': encoding === 'utf-16le' ? text : text.swap16() },
      train: ['Bär: a.png', 'cat: b.png']
    }
  }),
  {
    name: 'backslashes, and absolute paths of another machine',
    files: {
      ...none('in/cat/a.png', 'in/cat/b.png', 'in/x/c.png', 'in/x/d.png'),
      'l.csv': 'in\\x\\c.png,owl\nC:\\data\\in\\x\\d.png,fox\n/home/me/in/cat/a.png,cat\n'
    },
    // The folders win; the list disagrees with them.
    train: ['cat: in/cat/a.png in/cat/b.png', 'x: in/x/c.png in/x/d.png'],
    notes: [
      'l.csv is not used: for 2 of 3 pictures it says something else than the folders' +
        ' (in\\x\\c.png: owl, not x). The folders give the classes.'
    ]
  },
  {
    name: 'the same where no folder tells',
    files: {
      ...none('in/c.png', 'in/d.png', 'in/e.png'),
      'l.csv': 'in\\c.png,owl\nC:\\data\\in\\d.png,fox\n/home/me/in/e.png,owl\n'
    },
    train: ['fox: in/d.png', 'owl: in/c.png in/e.png']
  },
  {
    name: 'labels of several words in a text, and boxes after others',
    files: { ...none('a b.jpg', 'c.jpg'), 'l.txt': 'a b.jpg golden retriever\nc.jpg boeing 747\n' },
    train: ['boeing 747: c.jpg', 'golden retriever: a b.jpg']
  },
  {
    name: 'boxes after the class',
    files: {
      ...none('v_1.jpg', 'v_2.jpg'),
      'l.csv': 'ImageId,PredictionString\nv_1,n01 85 1 9 4 n01 1 2 3 4\nv_2,n02 1 2 3 4\n'
    },
    train: ['n01: v_1.jpg', 'n02: v_2.jpg'],
    notes: ['In l.csv 2 of 2 labels are followed by numbers (boxes), which are left out.']
  },
  {
    name: 'many columns, the path last',
    files: {
      ...none('a.png', 'b.png'),
      'l.csv': 'Width,Height,Roi.X1,ClassId,Path\n27,26,5,1,a.png\n28,27,5,0,b.png\n'
    },
    train: ['0: b.png', '1: a.png']
  },
  {
    name: 'the class by name and by number',
    files: { ...none('a.png', 'b.png'), 'l.csv': 'id,label,label_name\na,0,dog\nb,1,cat\n' },
    train: ['cat: b.png', 'dog: a.png'],
    notes: ['In l.csv the column label_name is read as the class; label is not used.']
  },
  {
    name: 'a one-hot table',
    files: { ...none('a.jpg', 'b.jpg'), 'l.csv': 'image,owl,cat\na,1.0,0.0\nb,0.0,1.0\n' },
    train: ['cat: b.jpg', 'owl: a.jpg']
  },
  {
    name: 'a picture with two classes, and one that is named twice',
    files: {
      ...none('a.png', 'b.png', 'c.png'),
      'l.csv': 'a.png,x\nb.png,y\na.png,x\nc.png,x\nc.png,y\n'
    },
    train: ['x: a.png a.png', 'y: b.png'],
    skipped: ['c.png has two classes in l.csv: x (line 4) and y (line 5)']
  },
  {
    name: 'numbers from 1 to N',
    files: { ...none('a.png', 'b.png'), 'l.txt': 'a.png 1\nb.png 2\n' },
    train: ['1: a.png', '2: b.png'],
    notes: ['The numbers in l.txt run from 1 to 2: class 1 is the first, there is no 0.']
  },
  {
    name: 'numbers with a gap',
    files: { ...none('a.png', 'b.png'), 'l.txt': 'a.png 0\nb.png 2\n' },
    train: ['0: a.png', '1:', '2: b.png'],
    notes: ['1 number of classes does not occur in l.txt: 1.']
  },
  {
    name: 'numbers from 1 with their names',
    files: {
      ...none('a.png', 'b.png'),
      'l.txt': 'a.png 1\nb.png 2\n',
      'classes.txt': 'owl\ncat\n'
    },
    train: ['owl: a.png', 'cat: b.png'],
    notes: [
      'The numbers in l.txt run to 2, so that they count from 1: 1 is owl. Counted from 0, 2 would be no class.'
    ]
  },
  {
    name: 'numbers that may count from 0 or from 1',
    files: {
      ...none('a.png', 'b.png'),
      'l.txt': 'a.png 1\nb.png 2\n',
      'classes.txt': 'owl\ncat\nfox\n'
    },
    train: ['owl:', 'cat: a.png', 'fox: b.png'],
    notes: [
      'The numbers in l.txt are counted from 0, which does not occur: 0 is owl. Counted from 1' +
        ' they would fit, too, and all would differ.'
    ]
  },
  {
    name: 'numbers with names that say their numbers',
    files: {
      ...none('a.png', 'b.png'),
      'l.txt': 'a.png 1\nb.png 2\n',
      'classes.txt': '1 owl\n2 cat\n'
    },
    train: ['owl: a.png', 'cat: b.png']
  },
  {
    name: 'numbers that are places among the class folders',
    files: {
      ...pictures(['train/cat', 'train/dog']),
      ...none('val/a.jpg', 'val/b.jpg'),
      'val.txt': 'a.jpg 1\nb.jpg 0\n'
    },
    train: ['cat: train/cat/0.jpg train/cat/1.jpg', 'dog: train/dog/0.jpg train/dog/1.jpg'],
    test: ['cat: val/b.jpg', 'dog: val/a.jpg']
  },
  {
    name: 'numbers that are names of class folders, and would fit as places',
    files: {
      ...pictures(
        [...ten, '10'].map((name) => `train/${name}`),
        1
      ),
      ...none('val/a.jpg', 'val/b.jpg'),
      'val.txt': 'a.jpg 2\nb.jpg 0\n'
    },
    train: ['0', '1', '10', '2', '3', '4', '5', '6', '7', '8', '9'].map(
      (name) => `${name}: train/${name}/0.jpg`
    ),
    test: ['0: val/b.jpg', '1:', '10:', '2: val/a.jpg', ...ten.slice(3).map((name) => `${name}:`)],
    notes: [
      'The numbers in val.txt are read as names of classes. As places among the sorted classes they would fit,' +
        ' too, and 1 number would differ.'
    ]
  },
  {
    name: 'numbers of more classes than there are',
    files: {
      ...pictures(['train/cat', 'train/dog'], 1),
      ...none('val/a.jpg', 'val/b.jpg'),
      'val.txt': 'a.jpg 999\nb.jpg 0\n'
    },
    train: ['cat: train/cat/0.jpg', 'dog: train/dog/0.jpg'],
    notes: [
      'val.txt numbers classes up to 999, and there are 2: what its numbers mean cannot be told.',
      'val (2 pictures) is left out: none of its pictures has a known class.'
    ]
  },
  {
    name: 'a list that says something else than the class folders',
    files: {
      ...pictures(['train/cat', 'train/dog', 'val/cat', 'val/dog']),
      'val/val.txt': 'cat/0.jpg 0\ncat/1.jpg 1\ndog/0.jpg 0\ndog/1.jpg 1\n'
    },
    train: ['cat: train/cat/0.jpg train/cat/1.jpg', 'dog: train/dog/0.jpg train/dog/1.jpg'],
    test: ['cat: val/cat/0.jpg val/cat/1.jpg', 'dog: val/dog/0.jpg val/dog/1.jpg'],
    notes: [
      'val/val.txt is not used: for 2 of 4 pictures it says something else than the folders' +
        ' (cat/1.jpg: 1, not cat). The folders give the classes.'
    ]
  },
  {
    name: 'a list of paths alone, and one that numbers the classes otherwise',
    files: {
      ...pictures(['cat', 'dog'], 1),
      'paths.txt': 'cat/0.jpg\ndog/0.jpg\n',
      'other.csv': 'cat/0.jpg,1\ndog/0.jpg,0\n'
    },
    train: ['cat: cat/0.jpg', 'dog: dog/0.jpg'],
    notes: [
      'other.csv is not used: it has other names or numbers for the same classes (1 is cat, 0 is dog).' +
        ' The folders give the classes.',
      'paths.txt is not used: it has paths alone. The folders give the classes.'
    ]
  },
  {
    name: 'a list whose other columns are boxes, and one of the same mind',
    files: {
      ...pictures(['cat', 'dog'], 1),
      'boxes.csv': 'path,x1,y1,x2,y2\ncat/0.jpg,1,2,3,4\ndog/0.jpg,1,2,3,4\n',
      'same.csv': 'path,label\ncat/0.jpg,cat\ndog/0.jpg,dog\n'
    },
    train: ['cat: cat/0.jpg', 'dog: dog/0.jpg'],
    notes: [
      'boxes.csv is not used: its other columns are numbers, such as of boxes. The folders give the classes.'
    ]
  },
  {
    name: 'a class named train',
    files: pictures(['bus/2019', 'car/2019', 'train/2019'], 1),
    train: ['bus: bus/2019/0.jpg', 'car: car/2019/0.jpg', 'train: train/2019/0.jpg'],
    notes: ['train is a class like the 2 folders (bus, car) beside, and no part of the set.']
  },
  {
    name: 'classes named train and test',
    files: pictures(['bus', 'test', 'train'], 1),
    train: ['bus: bus/0.jpg', 'test: test/0.jpg', 'train: train/0.jpg'],
    notes: ['train, test are classes like the 1 folder (bus) beside, and no parts of the set.']
  },
  {
    name: 'a table of other pictures',
    files: { ...pictures(['cat', 'dog'], 1), 'l.csv': 'path,label\nx.jpg,cat\n' },
    train: ['cat: cat/0.jpg', 'dog: dog/0.jpg'],
    notes: ['l.csv is not used: 0 % of its first lines name pictures.']
  },
  {
    name: 'parts beside a folder of the same classes',
    files: pictures(['train/a', 'train/b', 'val/a', 'val/b', 'more/a', 'more/b'], 1),
    train: ['a: train/a/0.jpg', 'b: train/b/0.jpg'],
    test: ['a: val/a/0.jpg', 'b: val/b/0.jpg'],
    notes: ['Beside the parts, left out: more (2 pictures).']
  },
  {
    name: 'what lies beside parts',
    files: {
      ...pictures(['train/cat', 'train/dog', 'val/cat', 'val/dog', 'extra'], 1),
      ...none('cover.jpg')
    },
    train: ['cat: train/cat/0.jpg', 'dog: train/dog/0.jpg'],
    test: ['cat: val/cat/0.jpg', 'dog: val/dog/0.jpg'],
    notes: ['Beside the parts, left out: extra (1 picture), 1 picture.']
  },
  {
    name: 'images beside annotations',
    files: pictures(['images/x', 'images/y', 'annotations/x', 'annotations/y'], 1),
    train: ['x: images/x/0.jpg', 'y: images/y/0.jpg'],
    notes: ['annotations (2 pictures) is left out: the pictures are in images/.']
  },
  {
    name: 'images in one folder, their list in another',
    files: {
      ...none('images/Abyssinian_1.jpg', 'images/beagle_1.jpg', 'annotations/trimaps/beagle_1.png'),
      'annotations/list.txt':
        '#Image CLASS-ID SPECIES BREED ID\nAbyssinian_1 1 1 1\nbeagle_1 2 2 1\n'
    },
    train: ['1: images/Abyssinian_1.jpg', '2: images/beagle_1.jpg'],
    notes: [/run from 1 to 2/, 'annotations (1 picture) is left out: the pictures are in images/.']
  },
  {
    name: 'train_images with a table',
    files: {
      ...none('train_images/a.jpg', 'train_images/b.jpg', 'test_images/c.jpg'),
      'train.csv': 'image_id,label\na.jpg,0\nb.jpg,1\n'
    },
    train: ['0: train_images/a.jpg', '1: train_images/b.jpg'],
    notes: ['test_images (1 picture) is left out: none of its pictures has a known class.']
  },
  {
    name: 'training_set and test_set, each in a folder of its own name',
    files: pictures(
      [
        'training_set/training_set/cats',
        'training_set/training_set/dogs',
        'test_set/test_set/cats'
      ],
      1
    ),
    train: [
      'cats: training_set/training_set/cats/0.jpg',
      'dogs: training_set/training_set/dogs/0.jpg'
    ],
    test: ['cats: test_set/test_set/cats/0.jpg', 'dogs:']
  },
  {
    name: 'parts a folder deeper, beside a text',
    files: { ...pictures(['set/train/a', 'set/train/b', 'set/val/a'], 1), 'README.md': '' },
    train: ['a: set/train/a/0.jpg', 'b: set/train/b/0.jpg'],
    test: ['a: set/val/a/0.jpg', 'b:']
  },
  {
    name: 'parts that lists alone tell: Food-101',
    files: {
      ...pictures(['food/images/apple_pie', 'food/images/waffles'], 3),
      'food/meta/classes.txt': 'apple_pie\nwaffles\n',
      'food/meta/labels.txt': 'Apple pie\nWaffles\n',
      'food/meta/train.txt': 'apple_pie/0\napple_pie/1\nwaffles/1\n',
      'food/meta/test.txt': 'apple_pie/2\nwaffles/0\n'
    },
    train: [
      'apple_pie: images/apple_pie/0.jpg images/apple_pie/1.jpg',
      'waffles: images/waffles/1.jpg'
    ],
    test: ['apple_pie: images/apple_pie/2.jpg', 'waffles: images/waffles/0.jpg'],
    skipped: [
      'images/waffles/2.jpg is in no part: neither meta/train.txt nor meta/test.txt names it'
    ],
    notes: [
      /^The parts are those of lists: \S*train\.txt \(3 pictures\) and \S*test\.txt \(2 pictures\)\.$/
    ]
  },
  {
    name: 'parts that lists alone tell: with endings, numbers and a third list',
    files: {
      ...pictures(['Images/cat', 'Images/dog'], 2),
      'lists/train_list.txt': 'cat/0.jpg 1\ndog/0.jpg 2\n',
      'lists/test_list.txt': 'cat/1.jpg 1\ndog/1.jpg 2\n',
      'lists/validation.txt': 'cat/1.jpg\n'
    },
    train: ['cat: Images/cat/0.jpg', 'dog: Images/dog/0.jpg'],
    test: ['cat: Images/cat/1.jpg', 'dog:'],
    skipped: [
      'Images/dog/1.jpg is in no part: neither lists/train_list.txt nor lists/validation.txt names it'
    ],
    notes: [
      /^The parts are those of lists/,
      /^Lists of other parts are not used: lists\/test_list\.txt\.$/
    ]
  },
  {
    name: 'lists of parts that share a picture tell no parts',
    files: {
      ...pictures(['cat', 'dog'], 2),
      'train.txt': 'cat/0.jpg\ndog/0.jpg\n',
      'test.txt': 'cat/0.jpg\ndog/1.jpg\n'
    },
    train: ['cat: cat/0.jpg cat/1.jpg', 'dog: dog/0.jpg dog/1.jpg'],
    notes: [
      /^test\.txt is not used: it has paths alone/,
      /^train\.txt is not used: it has paths alone/
    ]
  },
  {
    name: 'classes two levels down, beside a text',
    files: { ...pictures(['photos/pets/cat', 'photos/pets/dog'], 1), 'photos/readme.txt': 'x y' },
    train: ['cat: pets/cat/0.jpg', 'dog: pets/dog/0.jpg']
  },
  {
    name: 'folders in class folders that might be the classes',
    files: pictures(['pets/cat', 'pets/dog', 'wild/fox'], 1),
    train: ['pets: pets/cat/0.jpg pets/dog/0.jpg', 'wild: wild/fox/0.jpg'],
    notes: [
      'The classes are the 2 first folders. They hold 3 folders of 3 names (pets/cat, pets/dog, …), which could' +
        ' be the classes, too, and are not told apart: for these, prepare with --class-depth 2.'
    ]
  },
  {
    name: 'the same, with these folders as classes',
    files: { ...pictures(['pets/cat', 'pets/dog', 'wild/fox'], 1), ...none('wild/odd.jpg') },
    depth: 2,
    train: ['pets/cat: pets/cat/0.jpg', 'pets/dog: pets/dog/0.jpg', 'wild/fox: wild/fox/0.jpg'],
    skipped: ['wild/odd.jpg has no class: it lies in fewer than 2 folders']
  },
  {
    name: 'the same in parts',
    files: pictures(['train/pets/cat', 'train/wild/fox', 'val/pets/cat', 'val/pets/eel'], 1),
    depth: 2,
    train: ['pets/cat: train/pets/cat/0.jpg', 'wild/fox: train/wild/fox/0.jpg'],
    test: ['pets/cat: val/pets/cat/0.jpg', 'wild/fox:'],
    skipped: ['val/pets/eel/0.jpg its class pets/eel is not in the training part']
  },
  {
    name: 'an archive beside parts',
    files: { ...pictures(['train/a', 'train/b', 'val/a'], 1), 'more.zip': 'x' },
    train: ['a: train/a/0.jpg', 'b: train/b/0.jpg'],
    test: ['a: val/a/0.jpg', 'b:'],
    skipped: ['more.zip is an archive: unpack it']
  },
  {
    name: 'an archive and a text where class folders are',
    files: { ...pictures(['cat', 'dog'], 1), 'owl.tar.gz': 'x', 'README.txt': 'hello' },
    train: ['cat: cat/0.jpg', 'dog: dog/0.jpg'],
    skipped: ['owl.tar.gz is an archive: unpack it']
  }
]

/** Classes with their pictures. */
function listOf({ classes }: Source, part: SourcePart): string[] {
  const names = classes.map((): string[] => [])
  for (let i = 0; i < part.length; i++) names[part.label(i)]?.push(part.name(i))
  return classes.map((name, label) => [`${name}:`, ...(names[label] ?? [])].join(' '))
}

for (const { name, files, open = '.', depth, train, test, skipped = [], notes = [] } of cases) {
  t.test(name, async (t) => {
    const source = await openSource(join(await writeFiles(t.testdir(), files), open), {
      classDepth: depth
    })
    t.same(listOf(source, source.train), train)
    t.same(source.test && listOf(source, source.test), test)
    t.same(
      source.skipped.map(({ file, reason }) => `${file} ${reason}`),
      skipped
    )
    t.match(source.notes, notes)
    t.equal(source.notes.length, notes.length, source.notes.join('\n'))
    await source.close()
  })
}

t.test('tables that are refused say why', async (t) => {
  const folder = await writeFiles(t.testdir(), {
    ...none('a.jpg', 'b.jpg'),
    'l.csv': 'image,owl,cat\na,1,1\nb,0,1\n'
  })
  await t.rejects(openSource(folder), {
    message: /column for each of 2 classes, and line 2 says 2 of them: pictures of several classes/
  })
  await writeFile(join(folder, 'l.csv'), 'a.jpg,"cat\nb.jpg,dog\n')
  await t.rejects(openSource(join(folder, 'l.csv')), {
    name: 'DataError',
    message: /l\.csv: expected a table of cells, perhaps in quotes, got another text/
  })
})

/** Of three synsets: SciPy wrote it, compressed, with the fields of ILSVRC's own. */
const meta = Buffer.from(
  'TUFUTEFCIDUuMCBNQVQtZmlsZSBQbGF0Zm9ybTogcG9zaXgsIENyZWF0ZWQgb246IE1vbiBOb3YgMzAgMTU6Mzg6MzAgMjAyNgAAAAAAAAAAAAAA' +
    'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABSU0PAAAA3AAAAHic42NgYFjAzMDABqQ5gJiJAQJYoXygFAMjFLMDcXFl' +
    'XnFqSTFQnoWBDypuAcSePsFhQc5GBoZG8Z4uDOF+QAIOyvOLUorhvLzS3PjkjMyclKLUPAawGSD9MPv50OxnRMIgwIMkzgBV74CknwWLfk4k9QJQ' +
    'fp6BkaGhpbmFJZI5FgTMYUczB8TPzixRSMuvINsfMECufiYk/eSGg4GBubEpCebwoZkD4rvmpedkFmcoABNHSWoR+f6hNDyYqRAehgaGFpSGR3Bm' +
    'UmpRZmKeQkZpcXYl5eEBAOQzKoM=',
  'base64'
)

t.test("ILSVRC's development kit: meta.mat unpacked, and in the .tar.gz", async (t) => {
  const pictures = none(
    'train/n02100735/n02100735_1.JPEG',
    'train/n02119789/n02119789_1.JPEG',
    'val/ILSVRC2012_val_00000001.JPEG',
    'val/ILSVRC2012_val_00000002.JPEG',
    'val/ILSVRC2012_val_00000003.JPEG'
  )
  const kit = {
    'ILSVRC2012_devkit_t12/data/meta.mat': meta,
    'ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt': '2\n1\n3\n'
  }
  const cases = [
    kit,
    { 'ILSVRC2012_devkit_t12.tar.gz': gzipSync(await tarOf(kit)) },
    {
      'ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt': '',
      'lists/2012/val.txt':
        'ILSVRC2012_val_00000001.JPEG n02100735\nILSVRC2012_val_00000002.JPEG n02119789\nILSVRC2012_val_00000003.JPEG n02110185\n'
    }
  ]
  for (const [i, more] of cases.entries()) {
    const source = await openSource(
      await writeFiles(join(t.testdirName, `${i}`), { ...pictures, ...more })
    )
    t.same(source.test && listOf(source, source.test), [
      'n02100735: val/ILSVRC2012_val_00000001.JPEG',
      'n02119789: val/ILSVRC2012_val_00000002.JPEG'
    ])
    t.match(source.skipped, [{ file: /ILSVRC2012_val_00000003.JPEG$/, reason: /n02110185/ }])
    t.equal(source.skipped.length, 1)
    if (i < 2) t.match(source.notes, [/whose numbers .*meta.mat names\.$/])
  }
  const folder = join(t.testdirName, '0')
  const at = join(folder, 'ILSVRC2012_devkit_t12/data/meta.mat')
  for (const bytes of [meta.subarray(0, 200), Buffer.alloc(300), Buffer.from(meta).fill(7, 140)]) {
    await writeFile(at, bytes)
    await t.rejects(openSource(folder), {
      name: 'DamagedFileError',
      message: /meta\.mat: expected/
    })
  }
})

t.test("WebDataset's tars", async (t) => {
  const folder = t.testdir()
  const shard = (first: number, label: (i: number) => Files) =>
    tarOf(
      Object.assign({}, ...[first, first + 1].map((i) => ({ [`00${i}.jpg`]: '', ...label(i) })))
    )
  const cls = (i: number) => ({ [`00${i}.cls`]: String(i % 2) })
  await writeFiles(folder, {
    'set-train-000000.tar': await shard(0, cls),
    'set-train-000001.tar': await shard(2, cls),
    'set-val-000000.tar': await shard(4, cls),
    'classes.txt': 'owl\ncat\n'
  })
  const source = await openSource(folder)
  t.equal(source.kind, 'tars of WebDataset')
  t.same(listOf(source, source.train), [
    'owl: set-train-000000/000.jpg set-train-000001/002.jpg',
    'cat: set-train-000000/001.jpg set-train-000001/003.jpg'
  ])
  t.same(source.test && listOf(source, source.test), [
    'owl: set-val-000000/004.jpg',
    'cat: set-val-000000/005.jpg'
  ])
  await source.close()

  const json = (i: number) => ({
    [`00${i}.json`]: JSON.stringify({ label: i === 1 ? 'fox' : 'sea lion' })
  })
  const path = join(folder, '..', 'web.tar')
  await writeFile(path, await shard(0, json))
  const one = await openSource(path)
  t.same(listOf(one, one.train), ['fox: 001.jpg', 'sea lion: 000.jpg'])
  t.same(one.notes, ['The field label of .json files is read as the class.'])
  await one.close()
})

t.test("torchvision's folders and EMNIST's names of IDX files", async (t) => {
  const folder = t.testdir()
  await writeSet(join(folder, 'a/MNIST/raw'))
  const mnist = await openSource(join(folder, 'a'))
  t.match(mnist, { name: 'mnist', train: { length: 12 }, test: { length: 5 }, notes: [] })
  t.same(mnist.classes, ten)
  await writeSet(join(folder, 'a/KMNIST/raw'))
  await t.rejects(openSource(join(folder, 'a')), {
    name: 'DataError',
    message: /expected the IDX files of one set, got MNIST\/raw, KMNIST\/raw; name one/
  })

  const emnist = (split: string) => ({
    [`emnist-${split}-train-images-idx3-ubyte`]: idx([12, 4, 3], counting(144)),
    [`emnist-${split}-train-labels-idx1-ubyte`]: idx([12], [...counting(11).map((i) => i + 1), 26]),
    [`emnist-${split}-test-images-idx3-ubyte`]: idx([2, 4, 3], counting(24)),
    [`emnist-${split}-test-labels-idx1-ubyte`]: idx([2], [1, 26])
  })
  await writeSet(join(folder, 'b/gzip'), emnist('letters'), { gzip: true })
  const letters = await openSource(join(folder, 'b'))
  t.match(letters, { name: 'emnist-letters', train: { length: 12 }, test: { length: 2 } })
  t.same([letters.classes[0], letters.classes.at(-1), letters.classes.length], ['1', '26', 26])
  t.same([letters.train.label(0), letters.train.label(11), letters.test?.label(1)], [0, 25, 25])
  t.same(letters.notes, [
    'The labels run from 1 to 26: class 1 is the first, there is no 0.',
    "EMNIST's files have rows and columns exchanged: the images were turned, as MNIST's are."
  ])
  await writeSet(join(folder, 'b/gzip'), emnist('balanced'), { gzip: true })
  await t.rejects(openSource(join(folder, 'b')), {
    name: 'DataError',
    message:
      /expected the four IDX files of one set, got those of emnist-balanced-, emnist-letters-; put/
  })
})

t.test(
  'what is not understood is shown in three levels, with the nearest arrangements',
  async (t) => {
    const folder = await writeFiles(t.testdir(), {
      ...none('JPEGImages/1.jpg', 'JPEGImages/2.jpg', 'Annotations/1.xml', 'sets/Main/a/train.txt')
    })
    const message = [
      `[photos] ${folder}: expected pictures with classes, got:`,
      '  2 pictures, 2 other files',
      '  Annotations/  1 other file',
      '    1.xml',
      '  JPEGImages/  2 pictures',
      '    1.jpg',
      '    2.jpg',
      '  sets/  1 other file',
      '    Main/  1 other file',
      '      a/  1 other file',
      'The nearest arrangements that are read:',
      "- a list beside the pictures, such as labels.csv, of lines '1.jpg,cat'",
      '- a folder for each class: cat/1.jpg, dog/2.jpg'
    ]
    const error = await openSource(folder).catch((error: unknown) => error)
    t.equal(error instanceof Error && error.message.replaceAll('\u00a0', ' '), message.join('\n'))
  }
)
