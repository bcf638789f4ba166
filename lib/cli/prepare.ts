/** `alexnode prepare`: from pictures to a folder that training reads. */
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import type { Fit } from '../data/dataset.ts'
import { MAX_SIZE } from '../data/photos/prepare/plan.ts'
import { type Prepared, prepare } from '../data/photos/prepare/prepare.ts'
import type { Form } from '../data/photos/stored/shard.ts'
import { choice, command, parseWith, readers } from './command.ts'
import { count, entry, mebibytes, onePiece, pace, wrap } from './format.ts'
import { program, UsageError } from './program.ts'
import { ProgressLine } from './progress-line.ts'

interface Given {
  readonly size?: number
  readonly fit?: Exclude<Fit, 'keep'>
  readonly store?: Form
  readonly quality?: number
  readonly duplicates?: boolean
  readonly maxPixels?: number
  readonly json?: boolean
}

/** Threads on which Node decodes, unless the environment says otherwise. */
const NODE_THREADS = 4
/** Skipped images that are named on the screen; `dataset.json` names them all. */
const NAMED = 10

async function readArguments() {
  const { whole } = await readers()
  const prepare = await command(
    'prepare',
    'Reads pictures and their classes from SRC, and writes them to the folder OUT at one size, in ' +
      'shards, with class names, checksums and statistics. SRC is a folder with a folder for each ' +
      'class, perhaps in train/ and val/ or test/; pictures named like n01440764_tench.JPEG; a list ' +
      "of lines 'path label'; a tar of any of these, or of tars, as ILSVRC's; CIFAR's binary " +
      'batches; or IDX files. What cannot be used is skipped and told. Run again, it goes on where ' +
      'it was stopped.'
  )
  prepare
    .usage('SRC OUT [options]')
    .argument('<src>', 'a folder, a tar or a list')
    .argument('<out>', 'a new folder')
    .option(
      '--size <n>',
      'rows and columns (256; small images of one size keep theirs)',
      whole(1, MAX_SIZE)
    )
    .addOption(
      await choice('--fit <how>', 'cut out the centre, or stretch (crop)', ['crop', 'warp'])
    )
    .addOption(
      await choice('--store <form>', 'how images lie in the shards (raw up to 4 GiB, else jpeg)', [
        'raw',
        'jpeg'
      ])
    )
    .option('--quality <n>', "JPEG's, 1 to 100 (90)", whole(1, 100))
    .option('--duplicates', 'take files with the same bytes as another, too')
    .option('--max-pixels <n>', 'skip pictures with more (100,000,000)', whole(1))
    .option('--json', 'print one JSON object at the end, and all else on stderr')
  return parseWith<Given>(prepare, process.argv.slice(2))
}

/** What a program is told. */
function objectOf({ manifest, resumed }: Prepared, out: string, seconds: number) {
  const { name, kind, form, height, width, channels, train, test, classes } = manifest
  const shards = [...train.shards, ...(test?.shards ?? [])]
  const images = train.images + (test?.images ?? 0)
  return {
    ...{ images, train: train.images, test: test?.images ?? 0, classes: classes.length },
    ...{ skipped: manifest.skipped, out: resolve(out), name, kind, form, height, width, channels },
    ...{ testing: manifest.testing, notes: manifest.notes, shards: shards.length },
    bytes: shards.reduce((sum, { bytes }) => sum + bytes, 0),
    ...{ resumed, seconds, images_per_s: seconds > 0 ? (images - resumed) / seconds : 0 }
  }
}

function textOf(prepared: Prepared, out: string, seconds: number): string {
  const { manifest } = prepared
  const object = objectOf(prepared, out, seconds)
  const { height, width, channels, classes, skipped, notes, testing } = manifest
  const size = `${height}×${width}${channels === 1 ? '' : `×${channels}`}`
  const form = manifest.form === 'raw' ? 'raw' : `JPEG ${manifest.quality}`
  const files = `${object.shards} ${object.shards === 1 ? 'shard' : 'shards'}`
  const tested = manifest.test ? ` + ${count(object.test)}` : ''
  const named = skipped.slice(0, NAMED).map(({ file, reason }) => `${file} ${reason}`)
  const more = skipped.length > NAMED ? [`… and ${count(skipped.length - NAMED)} more`] : []
  const speed = object.resumed < object.images ? `, ${pace(object.images_per_s)} images/s` : ''
  return [
    entry(
      'Prepared',
      `${manifest.name}: ${manifest.kind}, ${count(classes.length)} ${classes.length === 1 ? 'class' : 'classes'}`
    ),
    entry('Images', `${count(object.train)}${tested} of ${size}, ${form}`),
    entry('Test', testing),
    ...(skipped.length > 0
      ? [entry('Skipped', [`${count(skipped.length)}:`, ...named, ...more].join('\n'))]
      : []),
    ...notes.map((note) => entry('Note', note)),
    entry('Kept in', `${onePiece(out)}: ${files}, ${mebibytes(object.bytes)}${speed}`)
  ].join('\n')
}

/**
 * Runs this program once more where it would decode on fewer threads than there are processors:
 * how many there are is settled before a program's first line.
 */
async function onAllProcessors(): Promise<boolean> {
  const threads = availableParallelism()
  if (threads <= NODE_THREADS || process.env.UV_THREADPOOL_SIZE !== undefined) return false
  const [file = '', ...args] = process.argv.slice(1)
  const child = spawn(process.execPath, [...process.execArgv, file, 'prepare', ...args], {
    stdio: 'inherit',
    env: { ...process.env, UV_THREADPOOL_SIZE: String(threads) }
  })
  // The terminal sends Ctrl-C to both; what another process sends to this one is handed on.
  const ignore = () => {}
  const hand = () => child.kill('SIGTERM')
  process.on('SIGINT', ignore)
  process.on('SIGTERM', hand)
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => resolve(code ?? 1))
  })
  process.off('SIGINT', ignore)
  process.off('SIGTERM', hand)
  return true
}

if (!(await onAllProcessors())) {
  await program(async (signal) => {
    const {
      options: { json = false, ...options },
      args: [source = '', out = '']
    } = await readArguments()
    if (source === '' || out === '') {
      throw new UsageError('alexnode prepare: expected names of SRC and OUT, got an empty one.')
    }
    const to = json ? process.stderr : process.stdout
    const line = new ProgressLine(to)
    const start = performance.now()
    let whole = false
    try {
      const prepared = await prepare(source, out, {
        ...options,
        signal,
        onProgress: (done, total, skipped) => {
          line.show('image', done, total, skipped > 0 ? `${count(skipped)} skipped` : '')
        },
        onNotice: (text) => line.note(wrap(text).join('\n'))
      })
      whole = true
      line.end()
      const seconds = (performance.now() - start) / 1000
      process.stdout.write(
        json
          ? `${JSON.stringify(objectOf(prepared, out, seconds))}\n`
          : `${textOf(prepared, out, seconds)}\n`
      )
    } finally {
      line.end()
      if (signal.aborted && !whole)
        to.write(`Stopped. Whole shards are kept in ${out}: run it again to go on.\n`)
    }
  })
}
