/**
 * How cost grows: `alexnet` in f32 on the CPU by batch, 1 to 512, and threads. Writes bench/results/growth.json,
 * and docs/speed-by-batch.svg and docs/memory-by-batch.svg from it.
 *
 * npm run bench:plots -- [--quick] [--draw]
 *
 * --quick: three batches, a step each, into build/bench/; --draw: from the figures that are kept, without measuring.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse, View } from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'
import { machineOf } from './machine.ts'
import { paceOf } from './measure.ts'
import { optionsOf } from './options.ts'
import { startAlexnode } from './peers.ts'

/** What is known of one batch size. */
interface Point {
  readonly mode: 'train' | 'infer'
  readonly threads: number
  readonly batch: number
  readonly images_per_s: number
  readonly peak_rss_mb: number
  readonly planned_mb: number
}

interface Growth {
  readonly date: string
  readonly cpu: string
  readonly points: readonly Point[]
}

const place = (path: string) => fileURLToPath(new URL(path, import.meta.url))

async function measure(quick: boolean): Promise<Growth> {
  const most = availableParallelism()
  const batches = quick ? [1, 8, 64] : Array.from({ length: 10 }, (_, i) => 2 ** i)
  const points: Point[] = []
  for (const mode of ['infer', 'train'] as const) {
    for (const threads of new Set([1, most])) {
      for (const batch of batches) {
        const workload = { mode, net: 'alexnet', dtype: 'f32', batch, mark: 1, peers: [] } as const
        using contender = await startAlexnode(workload, threads, { layers: false })
        const ms = await contender.run(quick ? 0 : 3)
        const { peak_rss_mb, planned_mb } = await contender.end()
        points.push({
          mode,
          threads,
          batch,
          images_per_s: paceOf(batch, ms),
          peak_rss_mb: Number(peak_rss_mb),
          planned_mb: Number(planned_mb)
        })
        const pace = paceOf(batch, ms).toFixed(1)
        console.log(`${mode}, threads ${threads}, batch ${batch}: ${pace} images/s`)
      }
    }
  }
  const { model, isa } = await machineOf(most)
  const date = new Date().toISOString().slice(0, 10)
  return { date, cpu: `${model}, ${most} cores, ${isa}`, points }
}

/** A plot of lines over batch sizes. */
function lines(
  title: { readonly text: string; readonly subtitle: string },
  values: readonly { readonly batch: number; readonly what: string; readonly value: number }[],
  unit: string
): TopLevelSpec {
  return {
    width: 560,
    height: 320,
    background: 'white',
    title: { ...title, anchor: 'start' },
    data: { values: [...values] },
    mark: { type: 'line', point: true },
    encoding: {
      x: {
        field: 'batch',
        type: 'quantitative',
        title: 'images in a batch',
        scale: { type: 'log', base: 2 },
        axis: { values: [...new Set(values.map(({ batch }) => batch))] }
      },
      y: { field: 'value', type: 'quantitative', title: unit },
      color: {
        field: 'what',
        type: 'nominal',
        title: null,
        sort: null,
        legend: { labelLimit: 0 }
      }
    }
  }
}

async function draw(name: string, spec: TopLevelSpec): Promise<void> {
  const view = new View(parse(compile(spec).spec), { renderer: 'none' })
  await writeFile(place(`${plots}${name}.svg`), `${await view.toSVG()}\n`)
  console.log(`${plots}${name}.svg`.slice('../'.length))
}

const { values } = optionsOf({
  options: {
    quick: { type: 'boolean', default: false },
    draw: { type: 'boolean', default: false }
  }
})
const plots = values.quick ? '../build/bench/' : '../docs/'
const kept = place(values.quick ? '../build/bench/growth.json' : 'results/growth.json')
if (!values.draw) {
  const growth = await measure(values.quick)
  await mkdir(dirname(kept), { recursive: true })
  await writeFile(kept, `${JSON.stringify(growth, null, 1)}\n`)
}
const { date, cpu, points }: Growth = JSON.parse(await readFile(kept, 'utf8'))
const subtitle = `alexnet, f32 · ${cpu} · ${date}`
const threadsText = (threads: number) => `${threads} thread${threads === 1 ? '' : 's'}`
const most = Math.max(...points.map(({ threads }) => threads))
await draw(
  'speed-by-batch',
  lines(
    { text: 'Speed by batch and threads', subtitle },
    points.map(({ mode, threads, batch, images_per_s: value }) => ({
      batch,
      value,
      what: `${mode}, ${threadsText(threads)}`
    })),
    'images a second'
  )
)
await draw(
  'memory-by-batch',
  lines(
    { text: 'Memory by batch', subtitle },
    points
      .filter(({ threads }) => threads === most)
      .flatMap(({ mode, batch, peak_rss_mb, planned_mb }) => [
        { batch, value: peak_rss_mb, what: `${mode}: the process at most` },
        { batch, value: planned_mb, what: `${mode}: its plan` }
      ]),
    'MB of 2²⁰ bytes'
  )
)
