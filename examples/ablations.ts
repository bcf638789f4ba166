/**
 * The paper's claims as experiments: a small AlexNet on CIFAR-10, whole and without one part at a time, three seeds
 * each:
 *
 *     node --import tsx examples/ablations.ts FOLDER [--epochs 3] [--minutes 30] [--out runs/ablations.json]
 *
 * FOLDER is CIFAR-10 as pictures: colour noise takes the principal components that such a set tells. Each run's test
 * error is kept in --out: the same command goes on from there, and prints the table so far, mean ± standard deviation
 * over seeds, beside what the paper says.
 */
import { parseArgs } from 'node:util'
import { adam, evaluate, open, openData, schedules, train } from 'alexnode'
import { deviation, type Finding, kept, mean } from './shared/findings.ts'
import { claims, smallAlexNet, type Variant, variants } from './shared/small-alexnet.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    epochs: { type: 'string', default: '3' },
    minutes: { type: 'string', default: '30' },
    seeds: { type: 'string', default: '3' },
    width: { type: 'string', default: '1' },
    out: { type: 'string', default: 'runs/ablations.json' }
  }
})
const [folder] = positionals
if (folder === undefined) throw new Error('Name a folder that holds CIFAR-10 as pictures.')
const [epochs, seeds, width] = [values.epochs, values.seeds, values.width].map(Number)
const data = await openData(folder)
await using device = await open('cpu')
const start = performance.now()
const left = () => 60_000 * Number(values.minutes) - (performance.now() - start)
const batch = 64

/** Trains one variant and returns its test error. */
async function errorOf(variant: Variant, seed: number): Promise<number> {
  const definition = smallAlexNet(variant, data.classes.length, width)
  const optimizer = adam({ beta1: 0.9, beta2: 0.99 })
  await using net = await definition.build(device, { batch, seed, optimizer })
  const input = { fit: 'crop', flip: true } as const
  const noise = { colour: { form: 'eigenvalue', sigma: 0.1 } } as const
  const noisy = variant === 'no colour noise' ? input : { ...input, ...noise }
  const schedule = schedules.warmCosine()
  const training = { optimizer, lr: 0.002, schedule, epochs, input: noisy, seed }
  for await (const _ of train(net, data.train, training)) {
    // The test tells what came out.
  }
  const { top1 } = await evaluate(net, data.test, { batch: 250, input })
  return 1 - top1
}

const findings = kept(values.out, { data: data.name, images: data.train.length, epochs, width })
let longest = 0
for (let seed = 1; seed <= (seeds ?? 0); seed++) {
  for (const variant of variants) {
    if (findings.has(variant, seed)) continue
    if (left() < longest) continue
    const began = performance.now()
    const error = await errorOf(variant, seed)
    longest = Math.max(longest, performance.now() - began)
    findings.add({ variant, seed, error })
    console.log(`${variant}, seed ${seed}: test error ${(100 * error).toFixed(1)} %`)
  }
}

const whole = findings.of('whole').map(({ error }) => error)
const points = (share: number) => (100 * share).toFixed(1)
const row = (name: string, found: readonly Finding[]) => {
  const errors = found.map(({ error }) => error)
  if (errors.length === 0) return `| ${name} | not run | | ${claims[name] ?? ''} |`
  const change = mean(errors) - mean(whole)
  const more = name === 'whole' ? '' : `${change >= 0 ? '+' : ''}${points(change)}`
  const spread = errors.length > 1 ? ` ± ${points(deviation(errors))}` : ''
  return `| ${name} | ${points(mean(errors))}${spread} (${errors.length}) | ${more} | ${claims[name] ?? ''} |`
}
console.log('\n| net | test error, % (runs) | change | the paper |\n| --- | ---: | ---: | --- |')
for (const variant of variants) console.log(row(variant, findings.of(variant)))
console.log(
  '\nA change that is not well above the deviations shows nothing, and a few epochs cannot show what\n' +
    'keeps a net from overfitting: dropout and colour noise cost at first, and pay in long runs.'
)
