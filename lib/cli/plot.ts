/** `alexnode plot`: draws the curves of runs, in the terminal or as a file. */
import { extname } from 'node:path'
import { readCurves } from '../run/read-log.ts'
import { htmlOf } from '../use/plot/html.ts'
import { type Axis, axes, type NamedRun, plotOf } from '../use/plot/panels.ts'
import { svgOf } from '../use/plot/svg.ts'
import { columnsIn, textOf } from '../use/plot/terminal.ts'
import { writeDrawing } from '../use/png.ts'
import { RunError } from '../use/run-error.ts'
import { describe } from '../use/run-facts.ts'
import { replaceFile } from '../util/files/atomic.ts'
import { choice, command, parse } from './shared/command.ts'
import { numberParsers } from './shared/numbers.ts'
import { print } from './shared/output.ts'
import { program, UsageError } from './shared/program.ts'
import { COLUMNS, entry, onePiece } from './shared/text.ts'

/** Points of a line in a file. */
const POINTS = 680
/** Columns below which a curve says nothing. */
const NARROWEST = 40

interface Given {
  readonly x?: Axis
  readonly smooth?: number
  readonly out?: string
}

interface Arguments extends Given {
  readonly runs: readonly string[]
}

const kinds = ['.svg', '.png', '.html']
const kindOf = (path: string) => extname(path).toLowerCase()

async function readArguments(): Promise<Arguments> {
  const { whole } = await numberParsers()
  const plot = await command(
    'plot',
    'Draws loss and top-1 of runs: those of steps smoothed, with the raw ones behind in a file, and those of ' +
      'validations as points. Without --out it draws in the terminal. Defaults are in brackets.'
  )
  plot
    .usage('RUN… [options]')
    .argument('<runs...>', 'folders of runs')
    .addOption(await choice('--x <axis>', 'what the curves run over (step)', axes))
    .option('--smooth <n>', 'steps that are averaged, 1 for none (a twentieth)', whole(1))
    .option('--out <file>', 'write FILE.svg, FILE.png, or a page, FILE.html')
  const given = await parse<Given>(plot)
  const { out } = given
  if (out !== undefined && !kinds.includes(kindOf(out))) {
    throw new UsageError(
      `alexnode plot: expected --out with a name that ends in ${kinds.join(', ')}, got ${onePiece(out)}.`
    )
  }
  return { ...given, runs: plot.args }
}

/** @throws RunError for what is no run, or has no steps */
async function open(folder: string): Promise<NamedRun> {
  const curves = await readCurves(folder)
  if (!curves) {
    throw new RunError(
      `[plot] ${folder}: expected the folder of a run, got ${await describe(folder)}: ` +
        'name the folder that --out named (alexnode train prints it)'
    )
  }
  if (curves.loss.values.length === 0) {
    throw new RunError(
      `[plot] ${folder}: expected a run with steps, got one without: train it first`
    )
  }
  return { name: folder, curves }
}

async function write(path: string, runs: readonly NamedRun[], given: Given): Promise<void> {
  const { x = 'step', smooth } = given
  const plot = plotOf(runs, { x, smooth, columns: POINTS })
  const kind = kindOf(path)
  if (kind === '.png') return writeDrawing(path, svgOf(plot))
  await replaceFile(path, kind === '.svg' ? svgOf(plot) : htmlOf(plot))
}

await program(async () => {
  const { runs: folders, out, ...given } = await readArguments()
  const runs: NamedRun[] = []
  for (const folder of folders) runs.push(await open(folder))
  if (out !== undefined) {
    await write(out, runs, given)
    print(entry('Plot', onePiece(out)))
    return
  }
  const { x = 'step', smooth } = given
  const width = Math.max(NARROWEST, process.stdout.columns ?? COLUMNS)
  print(textOf(plotOf(runs, { x, smooth, columns: columnsIn(width) }), width))
})
