/** The devices of the campaign `boundary`: CPUs, or GPUs on the double of CUDA. */
import { native, settled } from '../../../lib/native/binding.ts'

/** True where the parent wants a GPU: see test/fuzz/boundary-cuda.ts. */
export const onCuda = process.env.ALEXNODE_FUZZ_DEVICE === 'cuda'

const options = { tf32: false, deterministic: false, cudnn: false }

export async function openDevice(): Promise<number> {
  if (!onCuda) return native.openCpu()
  return await settled<number>((ticket) => native.openCuda(ticket, 0, options, {}))
}

export function closeDevice(id: number): Promise<void> {
  return settled((ticket) => native.closeDevice(id, ticket))
}

/** Writes to memory of any kind: that of a GPU by way of a staging buffer. */
export async function write(
  { device, stream }: { readonly device: number; readonly stream: number },
  { buffer, offset, data }: { buffer: number; offset: number; data: Uint8Array }
): Promise<void> {
  if (!onCuda) return native.writeBuffer(buffer, offset, data)
  const staging = native.openBuffer(device, data.length, true)
  native.writeBuffer(staging, 0, data)
  native.copy(stream, buffer, offset, staging, 0, data.length)
  await settled((ticket) => native.synchronize(stream, ticket))
  native.closeBuffer(staging)
}
