/** The benchmark stage: prints a JSON object a round. */
import { besidePytorch, cli } from '../bench/beside.ts'
import { python, withoutPytorch } from '../test/pytorch/run.ts'
import { runLines, STAGE_LIMIT } from './child.ts'

/** The nets alone take half of the stage at most, PyTorch beside them the rest. */
const SHARE = STAGE_LIMIT / 12
const brief = process.argv.includes('--brief')
const say = (object: object) => process.stdout.write(`${JSON.stringify(object)}\n`)

// Alone first: it needs no one else.
for (const mode of ['train', 'infer']) {
  for (const net of brief ? ['fashion'] : ['alexnet', 'torchvision', 'fashion']) {
    const batch = brief ? 2 : 128
    const size = ['--net', net, '--batch', `${batch}`, '--steps', brief ? '1' : '5']
    const args = [...cli(), 'bench', ...size, '--mode', mode, '--dtype', 'f32', '--json']
    const { lines, error } = await runLines(args, SHARE)
    const { images_per_s } = lines.at(-1) ?? {}
    const name = `${net}, batch ${batch}, f32, ${mode}`
    say(
      images_per_s
        ? { name, alexnode: images_per_s }
        : { name, failed: error ?? 'it printed no images_per_s' }
    )
  }
}

const batch = brief ? 2 : 128
const name = `alexnet, batch ${batch}, f32, train, beside PyTorch`
if (!python) say({ name, skipped: withoutPytorch })
else {
  const rounds = { batch, rounds: brief ? 1 : 3, seconds: brief ? 0 : 20 }
  let start = performance.now()
  for await (const round of besidePytorch(rounds)) {
    say({ name, ...round })
    const took = performance.now() - start
    start += took
    // Rather a round less than a stage cut short.
    if (start + took > STAGE_LIMIT - 30_000) break
  }
}
