/**
 * The tables of docs/scale.md: what the model of a step predicts beside what `npm run bench:ranks` measured, and for GPUs
 * that were assumed. After a change of model or measurement:
 *
 *   node --import tsx bench/scale-page.ts
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { alexnet, open } from '../lib/index.ts'
import type { LayerSummary } from '../lib/net/trace/summary.ts'
import { type ModelStep, modelStep, splitDense, sumsOf } from './scale-model.ts'

const BEGIN = '<!-- from bench/scale-page.ts -->'
const END = '<!-- end -->'
const page = fileURLToPath(new URL('../docs/scale.md', import.meta.url))

/** Assumed: see docs/scale.md. Images a second of one GPU. */
const PACES = [2760, 27_600]
const GPUS = [8, 64, 1024]
/** Gbit/s. */
const LINKS = [10, 100]
/** Assumed: seconds. */
const LATENCY = 20e-6
/** Ranks that share the dense layers where they are split. */
const SPLIT = 8

interface Change {
  readonly name: string
  /** Images of a GPU. */
  readonly batch: number
  /** Of an element of a gradient as it travels. */
  readonly bytes: 2 | 4
  readonly split?: boolean
}

const changes: readonly Change[] = [
  { name: '128 images', batch: 128, bytes: 4 },
  { name: '128, bf16', batch: 128, bytes: 2 },
  { name: '128, bf16, split', batch: 128, bytes: 2, split: true },
  { name: '512 images', batch: 512, bytes: 4 },
  { name: '512, bf16', batch: 512, bytes: 2 }
]

const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
const percent = (share: number) => `${(100 * share).toPrecision(2).replace(/^1\.0e\+2$/, '100')} %`

/** What the model says of alexnet on GPUs of an assumed pace. */
export function stepOf(
  layers: readonly LayerSummary[],
  { batch, bytes, split = false }: Change,
  { pace, ranks, link }: { readonly pace: number; readonly ranks: number; readonly link: number }
): ModelStep {
  const sums = sumsOf(layers, bytes)
  return {
    ranks,
    compute: batch / pace,
    bandwidth: (link * 1e9) / 8,
    latency: LATENCY,
    overlaps: true,
    ...(split ? splitDense(layers, sums, { batch, bytes, ranks: SPLIT, of: ranks }) : { sums })
  }
}

function assumed(layers: readonly LayerSummary[]): string {
  const columns = LINKS.flatMap((link) => GPUS.map((ranks) => ({ link, ranks })))
  const rows = PACES.flatMap((pace) =>
    changes.map((change) => [
      pace.toLocaleString('en'),
      change.name,
      ...columns.map(({ link, ranks }) =>
        percent(1 - modelStep(stepOf(layers, change, { pace, ranks, link })).waiting)
      )
    ])
  )
  const head = ['images/s', 'a GPU', ...columns.map(({ link, ranks }) => `${link}: ${ranks}`)]
  return [head, head.map((_, i) => (i === 1 ? '---' : '---:')), ...rows].map(line).join('\n')
}

interface Measured {
  readonly alexnode: Readonly<Record<string, number>>
}

function measured(): string {
  const file = fileURLToPath(new URL('results/ranks.json', import.meta.url))
  const kept: {
    readonly date: string
    readonly batch: number
    readonly cpu: string
    readonly results: Readonly<Record<string, Measured>>
  } = JSON.parse(readFileSync(file, 'utf8'))
  const rows = Object.entries(kept.results).map(([net, { alexnode }]) => {
    const of = (name: string) => `${alexnode[name] ?? '–'}`
    return [
      `\`${net}\``,
      of('MB of gradients'),
      of('seconds of the sum'),
      of('by the model'),
      of('two ranks, a thread each'),
      percent((alexnode['two ranks, a thread each'] ?? 0) / (alexnode['by the model'] ?? 1))
    ]
  })
  const head = ['net', 'MB', 's of the sum', 'images/s by the model', 'measured', 'of it']
  const table = [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows].map(line).join('\n')
  return `Batches of ${kept.batch}, ${kept.date}, two cores of an ${kept.cpu}:\n\n${table}`
}

/** The page with its tables made anew. */
export async function withTables(text: string): Promise<string> {
  const made = [measured(), assumed(await layersOf())]
  return made.reduce((all, table, i) => {
    const from = all.split(BEGIN, i + 1).join(BEGIN).length
    const to = all.indexOf(END, from)
    if (!all.startsWith(BEGIN, from) || to < 0)
      throw new Error(`[scale] expected ${BEGIN} … ${END}`)
    return `${all.slice(0, from)}${BEGIN}\n\n${table}\n\n${all.slice(to)}`
  }, text)
}

/** Those of alexnet. */
export async function layersOf(): Promise<readonly LayerSummary[]> {
  await using device = await open('cpu', { threads: 1 })
  const draft = await alexnet().draft(device, { batch: 1 })
  const { layers } = draft
  await draft.close()
  return layers
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(page, await withTables(readFileSync(page, 'utf8')))
}
