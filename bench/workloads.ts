/** What `npm run bench` measures, and what it holds alexnode to. */

export type Peer = 'PyTorch' | 'onnxruntime'

export interface Workload {
  readonly mode: 'train' | 'infer'
  readonly net: 'alexnet' | 'torchvision' | 'fashion'
  readonly batch: number
  readonly dtype: 'f32' | 'bf16'
  /** How many times as fast as the fastest peer alexnode should be at least. Those of bf16 are for AMX. */
  readonly mark: number
  readonly peers: readonly Peer[]
  /** Without Winograd's method. */
  readonly direct?: true
  /** MB of 2²⁰ bytes that the process may take at most. */
  readonly memory?: number
}

/** As options and JSON have it: train-alexnet-128-f32. */
export function idOf({ mode, net, batch, dtype, direct }: Workload): string {
  return [mode, net, batch, dtype, ...(direct ? ['direct'] : [])].join('-')
}

const train = (
  net: Workload['net'],
  batch: number,
  marks: { readonly f32: number; readonly bf16: number },
  memory: { readonly f32?: number; readonly bf16?: number } = {}
): Workload[] =>
  (['f32', 'bf16'] as const).map((dtype) => ({
    mode: 'train',
    net,
    batch,
    dtype,
    mark: marks[dtype],
    peers: ['PyTorch'],
    ...(memory[dtype] !== undefined && { memory: memory[dtype] })
  }))

const infer = (
  net: Workload['net'],
  dtype: Workload['dtype'],
  marks: Readonly<Record<1 | 32 | 128, number>>
): Workload[] =>
  ([1, 32, 128] as const).map((batch) => ({
    mode: 'infer',
    net,
    batch,
    dtype,
    mark: marks[batch],
    peers: dtype === 'f32' ? ['PyTorch', 'onnxruntime'] : ['PyTorch']
  }))

export const workloads: readonly Workload[] = [
  ...train(
    'alexnet',
    128,
    { f32: 1.8, bf16: 4.2 },
    { f32: 2400e6 / 2 ** 20, bf16: 1400e6 / 2 ** 20 }
  ),
  ...train('torchvision', 128, { f32: 1.1, bf16: 1.3 }),
  ...train('fashion', 128, { f32: 1, bf16: 1.4 }),
  ...train('alexnet', 32, { f32: 2, bf16: 3.6 }),
  ...infer('alexnet', 'f32', { 1: 1.1, 32: 1.5, 128: 1.6 }),
  ...infer('alexnet', 'bf16', { 1: 5, 32: 5, 128: 5 }),
  ...infer('torchvision', 'f32', { 1: 1.1, 32: 1.1, 128: 1.1 }),
  ...infer('torchvision', 'f32', { 1: 1, 32: 1, 128: 1 }).map((workload) => ({
    ...workload,
    direct: true as const
  }))
]

/** Seconds in which one side may run steps, until it is the other's turn. */
export function secondsOf({ mode, batch }: Workload): number {
  return mode === 'train' ? 4 : batch === 1 ? 1 : 2
}
