/**
 * Sigmoid, tanh, ReLU and their derivatives from -5 to 5, evaluated by the ops that nets run on:
 *
 *     node --import tsx examples/activations.ts [OUT]
 *
 * Writes OUT.svg and OUT.png. Default: activations.
 */
import { open } from 'alexnode'
import { writeChart } from './shared/chart.ts'

const [, , out = 'activations'] = process.argv
const count = 201
const x = Float32Array.from({ length: count }, (_, i) => -5 + (10 * i) / (count - 1))

await using device = await open('cpu')
await using stream = device.stream()
const row = { shape: [1, count], dtype: 'f32', layout: 'ab' } as const
const tensor = () => device.allocate(4 * count).tensor(row)
const [input, output, ones, slope] = [tensor(), tensor(), tensor(), tensor()]
stream.write(input, x)
stream.write(ones, new Float32Array(count).fill(1))

const curves: { x: number; value: number; of: string; what: string }[] = []
for (const name of ['sigmoid', 'tanh', 'relu']) {
  // A backward op multiplies what comes from above by the derivative: with ones it gives the derivative.
  const forward = await stream.prepare(name, {}, { y: row, x: row })
  const backward = await stream.prepare(`${name}_backward`, {}, { dx: row, y: row, dy: row })
  stream.run(forward, { y: output, x: input })
  stream.run(backward, { dx: slope, y: output, dy: ones })
  for (const [what, from] of [
    ['function', output],
    ['derivative', slope]
  ] as const) {
    const values = await stream.read(from)
    for (const [i, at] of x.entries()) {
      curves.push({ x: at, value: Number(values[i]), of: name, what })
    }
  }
  const middle = curves.at(-1 - Math.floor(count / 2))
  console.log(`${name}: slope ${middle?.value.toFixed(2)} at 0`)
}

const files = await writeChart(out, {
  background: 'white',
  data: { values: curves },
  facet: { column: { field: 'of', title: null, sort: null } },
  spec: {
    width: 220,
    height: 220,
    mark: { type: 'line', clip: true },
    encoding: {
      x: { field: 'x', type: 'quantitative' },
      y: { field: 'value', type: 'quantitative', title: null, scale: { domain: [-1.2, 2] } },
      color: { field: 'what', type: 'nominal', title: null, sort: null }
    }
  }
})
console.log(files.join('\n'))
