import { webcrypto } from 'node:crypto'
import type { Group } from '../../group/group.ts'
import type { PublicTensor } from '../../net/graph/public-tensors.ts'
import type { TrainedTensors } from '../update/trained-tensors.ts'

/** Checks that all processes of a group hold the same weights and optimizer state. @throws GroupError if not */
export async function requireSame(
  group: Group | undefined,
  { weights, optimizer }: TrainedTensors,
  step: number
): Promise<void> {
  if (!group) return
  const facts: Record<string, string> = { weights: await hashOf(weights) }
  for (const [slot, tensors] of optimizer) facts[`optimizer, ${slot}`] = await hashOf(tensors)
  await group.same(`what was trained by step ${step}, as SHA-256`, facts)
}

/** The SHA-256 of all tensors' own, which threads compute. */
async function hashOf(tensors: ReadonlyMap<string, PublicTensor>): Promise<string> {
  const parts: string[] = []
  for (const [name, { data }] of tensors) parts.push(`${name} ${await sha256(data)}`)
  return await sha256(Buffer.from(parts.join('\n')))
}

async function sha256(data: Float32Array | Buffer): Promise<string> {
  const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes)).toString('hex')
}
