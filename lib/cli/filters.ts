/** `alexnode filters`: the kernels that a convolution has learnt, as a picture. */
import { extname } from 'node:path'
import { filterSheet, firstConvolution, towersOf } from '../use/filters.ts'
import { writePng } from '../use/png.ts'
import { RunError, readRun, readWeights } from '../use/trained.ts'
import { choice, command, parse, readers } from './command.ts'
import { count, entry, onePiece } from './format.ts'
import { program, UsageError } from './program.ts'
import { printJson } from './trained.ts'

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
  const { whole } = await readers()
  const filters = await command(
    'filters',
    "Draws the kernels that a convolution of a trained net has learnt, as in the paper's figure 3: those of " +
      'one tower below those of the other. Zero is grey.'
  )
  filters
    .usage('RUN OUT.png [options]')
    .argument('<run>', "the run's folder")
    .argument('<out>', 'the picture')
    .option('--layer <name>', 'the convolution (the first)')
    .addOption(
      await choice('--scale <of>', 'what black and white are the ends of (all)', ['all', 'each'])
    )
    .option('--zoom <n>', 'pixels a weight is wide, up to 64 (4)', whole(1, 64))
    .option('--weights <which>', "which of the run's weights (final)")
    .option('--json', 'print one JSON object')
  const given = await parse<Given>(filters, process.argv.slice(2))
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
  if (json) printJson({ layer, filters, channels, height, width, towers, file: out })
  else {
    const size = `${count(filters)} kernels of ${channels}×${height}×${width}`
    const split = towers > 1 ? `, in ${towers} towers` : ''
    process.stdout.write(`${entry('Filters', `${layer}: ${size}${split}, ${onePiece(out)}`)}\n`)
  }
})
