/** `alexnode similar`: which images of an index a net sees as nearest to others. */
import { join } from 'node:path'
import { openIndex } from '../use/feature-index.ts'
import { nearest } from '../use/nearest.ts'
import { outputs } from '../use/outputs.ts'
import { photoFiles } from '../use/photo-files.ts'
import { RunError, type Trained, weightsDigest } from '../use/trained.ts'
import { command, parse, readers } from './command.ts'
import { program } from './program.ts'
import {
  addTrainedOptions,
  BATCH,
  openFor,
  printJson,
  type TrainedArguments,
  tellSkipped
} from './trained.ts'

interface Given extends TrainedArguments {
  readonly index: string
  readonly run?: string
  readonly top?: number
}

async function readArguments(): Promise<Given & { readonly queries: readonly string[] }> {
  const { whole } = await readers()
  const similar = await command(
    'similar',
    'Names the images of an index that a net sees as nearest to others, by the Euclidean distance of ' +
      "their features, as in the paper's figure 4. alexnode features makes the index."
  )
  similar
    .usage('QUERY… --index FILE [options]')
    .argument('<queries...>', 'photographs')
    .requiredOption('--index <file>', 'what alexnode features wrote')
    .option('--run <folder>', 'where the run is now (where it was when the index was made)')
    .option('--top <n>', 'how many images to name (6)', whole(1))
  const given = await parse<Given>(await addTrainedOptions(similar), process.argv.slice(2))
  return { ...given, queries: similar.args }
}

/** @throws RunError where the net is not the one that the index was made by */
async function mustBeOf(trained: Trained, index: string, weights: string): Promise<void> {
  if ((await weightsDigest(trained.facts)) === weights) return
  throw new RunError(
    `[similar] ${index}: expected the features of ${trained.facts.weights}, got those of other weights: ` +
      'write the index again with alexnode features, or name the run it is of with --run'
  )
}

await program(async (signal) => {
  const { queries, index: path, top = 6, json = false, ...given } = await readArguments()
  const index = await openIndex(path)
  await using opened = await openFor(given)
  const batch = Math.min(given.batch ?? BATCH, queries.length)
  const trained = await opened.net(given.run ?? index.run, { batch, layer: index.layer })
  await mustBeOf(trained, path, index.weights)
  const { net } = trained
  const width = net.classes
  if (index.width !== width) {
    throw new RunError(
      `[similar] ${path}: expected rows of ${width} numbers, as ${index.layer} gives, got rows of ` +
        `${index.width}: write the index again with alexnode features`
    )
  }

  const { data, input } = trained.facts
  const set = photoFiles(queries, data)
  const all = new Float32Array(queries.length * width)
  const suited = trained.takeUnlabelled(set)
  for await (const { first, values } of outputs(net, suited, { input, signal })) {
    all.set(values, first * width)
  }
  const good = queries.map((_, i) => i).filter((i) => !set.failures.has(i))
  const features = new Float32Array(good.length * width)
  for (const [to, from] of good.entries()) {
    features.set(all.subarray(from * width, (from + 1) * width), to * width)
  }
  const found = await nearest(features, width, index.rows(), top)

  const results = good.map((i, at) => {
    const list = (found[at] ?? []).map(({ row, distance }) => {
      const { file = '', ...more } = index.images[row] ?? {}
      return { file: join(index.folder, file), ...more, distance }
    })
    return { file: queries[i] ?? '', nearest: list }
  })
  const skipped = tellSkipped(set)
  if (json) printJson({ queries: results, skipped })
  else {
    for (const { file, nearest } of results) {
      const lines = nearest.map(
        (one) => `  ${one.distance.toPrecision(4).padStart(8)}  ${one.file}`
      )
      process.stdout.write(`${[file, ...lines].join('\n')}\n`)
    }
  }
  if (skipped.length > 0) process.exitCode = 1
})
