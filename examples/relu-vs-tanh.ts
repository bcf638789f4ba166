/**
 * Figure 1 of the paper: how many epochs a net of four layers takes to 25 % training error on CIFAR-10, with ReLU and
 * with tanh, each at the best rate of a small grid, and with no regularisation:
 *
 *     node --import tsx examples/relu-vs-tanh.ts FOLDER [--images 50000] [--minutes 20] [--out DIR]
 *
 * FOLDER is CIFAR-10 as `alexnode train --data` takes it. Every rate trains for two epochs; then the best one of each
 * activation goes on. What is done is kept in --out: the same command goes on from there. At the end of its minutes it
 * writes the curves to OUT/errors.svg and OUT/errors.png, and says how far it came.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { open, openData } from 'alexnode'
import { subset } from 'alexnode/data'
import { writeChart } from './shared/chart.ts'
import { type Course, type CourseOptions, follow } from './shared/course.ts'
import { activations, fourLayers } from './shared/four-layers.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '20' },
    rates: { type: 'string', default: '.003,.01,.03' },
    trial: { type: 'string', default: '2' },
    most: { type: 'string', default: '60' },
    width: { type: 'string', default: '1' },
    images: { type: 'string' },
    out: { type: 'string', default: 'runs/relu-vs-tanh' }
  }
})
const [folder = 'cifar-10'] = positionals
const TARGET = 0.25
const rates = values.rates.split(',').map(Number)
const { train: whole } = await openData(folder)
const { length } = whole
const count = Math.min(length, Number(values.images ?? length))
// Evenly from the whole: a set of folders is sorted by class.
const set = subset(
  whole,
  Uint32Array.from({ length: count }, (_, i) => Math.floor((i * length) / count))
)
await using device = await open('cpu')
const deadline = performance.now() + 60_000 * Number(values.minutes)

const courseOf = (activation: (typeof activations)[number], rate: number, epochs: number) => {
  const definition = fourLayers(activation, set.classes.length, Number(values.width))
  const out = join(values.out, `${activation}-${rate}`)
  const options: CourseOptions = {
    definition,
    device,
    set,
    rate,
    epochs,
    out,
    deadline,
    target: TARGET
  }
  return follow(options)
}
const percent = (error: number) => `${(100 * error).toFixed(1)} %`

const curves: { epoch: number; error: number; of: string }[] = []
const found = new Map<string, Course>()
for (const activation of activations) {
  const trials: { rate: number; course: Course }[] = []
  for (const rate of rates) {
    const course = await courseOf(activation, rate, Number(values.trial))
    trials.push({ rate, course })
    console.log(`${activation} at ${rate}: ${percent(course.error)} after ${course.epochs} epochs`)
  }
  trials.sort((a, b) => a.course.error - b.course.error)
  const [best] = trials
  if (!best) throw new Error('Name at least one rate.')
  const course = await courseOf(activation, best.rate, Number(values.most))
  const end = course.reached ?? course.epochs
  console.log(
    `${activation}, best at ${best.rate}: ${percent(course.error)} after ${end} epochs` +
      `${course.reached === undefined ? ', not there yet' : ''}`
  )
  found.set(activation, course)
  curves.push(...course.curve.map((point) => ({ ...point, of: `${activation}, ${best.rate}` })))
}

const [relu, tanh] = activations.map((name) => found.get(name))
if (relu?.reached !== undefined) {
  const end = tanh?.reached ?? tanh?.epochs ?? 0
  const bound = tanh?.reached === undefined ? 'at least ' : ''
  console.log(`tanh takes ${bound}${(end / relu.reached).toFixed(1)} times as many epochs as ReLU`)
}
const files = await writeChart(join(values.out, 'errors'), {
  background: 'white',
  width: 420,
  height: 260,
  layer: [
    {
      data: { values: curves },
      mark: { type: 'line', clip: true },
      encoding: {
        x: { field: 'epoch', type: 'quantitative', title: 'epochs' },
        y: { field: 'error', type: 'quantitative', title: 'training error', axis: { format: '%' } },
        color: { field: 'of', type: 'nominal', title: null, sort: null }
      }
    },
    {
      data: { values: [{ error: TARGET }] },
      mark: { type: 'rule', strokeDash: [4, 4] },
      encoding: { y: { field: 'error', type: 'quantitative' } }
    }
  ]
})
console.log(files.join('\n'))
