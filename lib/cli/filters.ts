/** `alexnode filters`: draws the filters of a trained convolution. */
import { extname } from 'node:path'
import { filterSheet, firstConvolution, towersOf } from '../use/filters.ts'
import { writePng } from '../use/png.ts'
import { RunError, readRun } from '../use/trained.ts'
import { readWeights } from '../use/weights.ts'
import { choice, command, parse } from './shared/command.ts'
import { count } from './shared/format.ts'
import { numberParsers } from './shared/numbers.ts'
import { jsonHelp } from './shared/options.ts'
import { print, printJson } from './shared/output.ts'
import { program, UsageError } from './shared/program.ts'
import { entry, onePiece } from './shared/text.ts'

interface Given {
  readonly layer?: string
  readonly scale?: 'all' | 'each'
  readonly zoom?: number
  readonly weights?: string
  readonly json?: boolean
}

interface Arguments extends Given {
  readonly run: string
  readonly out: string
}

async function readArguments(): Promise<Arguments> {
  const { whole } = await numberParsers()
  const filters = await command(
    'filters',
    "Draws the filters of a trained convolution, one tower below the other (the paper's figure 3). Zero " +
      'is grey.'
  )
  filters
    .usage('RUN OUT.png [options]')
    .argument('<run>', "the run's folder")
    .argument('<out>', 'the picture')
    .option('--layer <name>', 'convolution (the first)')
    .addOption(
      await choice('--scale <of>', 'scale colours over all filters, or each (all)', ['all', 'each'])
    )
    .option('--zoom <n>', 'pixels of a weight, up to 64 (4)', whole(1, 64))
    .option('--weights <which>', 'weights of the run: final, best, newest or a step (final)')
    .option('--json', jsonHelp)
  const given = await parse<Given>(filters)
  const [run = '', out = ''] = filters.args
  if (extname(out).toLowerCase() !== '.png') {
    throw new UsageError(`alexnode filters: expected OUT.png, got ${out}.`)
  }
  return { ...given, run, out }
}

await program(async () => {
  const { run, out, scale = 'all', zoom = 4, json = false, ...given } = await readArguments()
  const { definition, ...facts } = await readRun(run, { weights: given.weights })
  const layer = given.layer ?? firstConvolution(definition) ?? ''
  const weights = (await readWeights(facts)).get(`${layer}.weight`)
  if (weights?.shape.length !== 4) {
    const names = definition.layers.filter(({ node }) => node.kind === 'conv2d')
    throw new RunError(
      `[filters] ${run}: expected a convolution (${names.map(({ name }) => name).join(', ')}), ` +
        `got '${layer}'`
    )
  }
  const towers = towersOf(definition)
  await writePng(out, filterSheet(weights, { towers, scale, zoom }))
  const [filters = 0, channels = 0, height = 0, width = 0] = weights.shape
  if (json) {
    printJson({ layer, filters, channels, height, width, towers, file: out })
    return
  }
  const size = `${count(filters)} filters of ${channels}×${height}×${width}`
  const split = towers > 1 ? `, in ${towers} towers` : ''
  print(entry('Filters', `${layer}: ${size}${split}, ${onePiece(out)}`))
})
