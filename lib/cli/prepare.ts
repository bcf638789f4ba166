/** `alexnode prepare`: makes a data set from photographs. */
import type { Fit, ResizeFilter } from '../data/dataset.ts'
import { MAX_SIZE } from '../data/photos/prepare/plan.ts'
import { prepare } from '../data/photos/prepare/prepare.ts'
import type { Form } from '../data/photos/stored/shard.ts'
import { foreign } from '../util/foreign.ts'
import { ImagePace } from './prepare/pace.ts'
import { runOnAllProcessors } from './prepare/processors.ts'
import { resultJson, resultText } from './prepare/result.ts'
import { choice, command, parse } from './shared/command.ts'
import { count } from './shared/format.ts'
import { numberParsers } from './shared/numbers.ts'
import { filterOption } from './shared/options.ts'
import { print, printJson } from './shared/output.ts'
import { program, UsageError } from './shared/program.ts'
import { Reporter } from './shared/reporter.ts'

interface Given {
  readonly size?: number
  readonly fit?: Exclude<Fit, 'keep'>
  readonly resizeFilter?: ResizeFilter
  readonly store?: Form
  readonly quality?: number
  readonly duplicates?: boolean
  readonly classDepth?: number
  readonly maxPixels?: number
  readonly json?: boolean
}

interface Arguments {
  readonly source: string
  readonly out: string
  readonly json: boolean
  readonly options: Omit<Given, 'json' | 'resizeFilter'> & { readonly filter?: ResizeFilter }
}

async function readArguments(): Promise<Arguments> {
  const { whole } = await numberParsers()
  const prepare = await command(
    'prepare',
    'Reads images and their classes from SRC and writes a data set to the folder OUT: images of one size ' +
      'in shards, class names, checksums and statistics. SRC is a folder with a folder for each class, ' +
      'perhaps in train/ and val/ or test/; images named like n01440764_tench.JPEG; a list of lines ' +
      "'path label'; a tar of any of these, or of tars, such as ILSVRC's; CIFAR's binary batches; or IDX " +
      'files. Images that cannot be used are skipped and reported. An interrupted preparation resumes ' +
      'when it is run again.'
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
    .addOption(await choice('--fit <how>', 'crop the centre, or stretch (crop)', ['crop', 'warp']))
    .addOption(await filterOption('lanczos3'))
    .addOption(
      await choice('--store <form>', 'form of the images (raw up to 4 GiB, else jpeg)', [
        'raw',
        'jpeg'
      ])
    )
    .option('--quality <n>', 'JPEG quality, 1 to 100 (90)', whole(1, 100))
    .option('--duplicates', 'keep files that are copies of others')
    .option('--class-depth <n>', 'folders that name a class: 2 for pets/cat (1)', whole(1, 8))
    .option('--max-pixels <n>', 'skip images with more pixels (100,000,000)', whole(1))
    .option('--json', 'print one JSON object at the end, and all else on stderr')
  const { json = false, resizeFilter: filter, ...given } = await parse<Given>(prepare)
  const options = { ...given, ...(filter && { filter }) }
  const [source = '', out = ''] = prepare.args
  if (source === '' || out === '') {
    throw new UsageError('alexnode prepare: expected names of SRC and OUT, got an empty one.')
  }
  return { source, out, json, options }
}

async function run(signal: AbortSignal): Promise<void> {
  const { source, out, json, options } = await readArguments()
  const report = new Reporter({ json })
  const pace = new ImagePace()
  const start = performance.now()
  let whole = false
  try {
    const prepared = await prepare(source, out, {
      ...options,
      signal,
      onNotice: report.note,
      onProgress(done, total, skipped) {
        const more = skipped > 0 ? `${count(skipped)} skipped` : ''
        const text = [pace.text(done, total), more].filter((part) => part !== '').join('  ')
        void report.progress.show({ name: 'image', done, total, text })
      }
    })
    whole = true
    report.progress.end()
    const result = { ...prepared, out, seconds: (performance.now() - start) / 1000 }
    if (json) printJson(resultJson(result))
    else print(resultText(result))
  } finally {
    report.progress.end()
    if (signal.aborted && !whole) {
      report.print(
        `Stopped. Whole shards are kept in ${foreign(out)}: run the command again to resume.`
      )
    }
  }
}

if (!(await runOnAllProcessors())) await program(run)
