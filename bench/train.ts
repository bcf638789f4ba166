/**
 * Training the paper's net in f32 beside PyTorch, on the same cores. Prints each round's images/s and the
 * ratio; the median ratio last.
 *
 * node --import tsx bench/train.ts [BATCH=128] [ROUNDS=3] [STEPS=3]
 *
 * Needs a python3 with torch (Debian's python3-torch).
 */
import { besidePytorch, median } from './beside.ts'

const [batch = 128, rounds = 3, steps = 3] = process.argv.slice(2).map(Number)
const ratios: number[] = []
for await (const { alexnode, pytorch, ratio } of besidePytorch({ batch, rounds, steps })) {
  ratios.push(ratio)
  const [ours, theirs] = [alexnode.toFixed(1), pytorch.toFixed(1)]
  console.log(`alexnode ${ours} images/s, PyTorch ${theirs}: ${ratio.toFixed(2)}×`)
}
console.log(`median ${median(ratios).toFixed(2)}×`)
