/** The benchmark stages of a GPU: see bench/gpu.ts. */
import { gpuBench } from '../bench/gpu.ts'
import { partArguments, say } from './arguments.ts'
import { STAGE_LIMIT } from './child.ts'
import { thin } from './thin.ts'

const { device, brief, double, rest } = partArguments()
const mode = rest[0] === 'infer' ? 'infer' : 'train'
const whole = { nets: ['alexnet', 'torchvision'], batches: [128, 256, 512, 1024], steps: 30 }
const part = { nets: ['alexnet'], batches: [2], steps: 1 }
const sizes = double ? { ...part, instead: thin } : brief ? { ...part, batches: [128] } : whole
const deadline = performance.now() + STAGE_LIMIT - 30_000

for await (const line of gpuBench({ device, mode, deadline, ...sizes })) {
  const { name, ratio } = line
  const mark = name.startsWith('alexnode bf16 / PyTorch autocast bf16: alexnet, train, batch 1024')
  // What this project means to reach first; a double reaches nothing.
  const behind = mark && !double && Number(ratio) <= 1
  say({ ...line, ...(behind && { failed: `behind PyTorch: ${ratio}` }) })
}
