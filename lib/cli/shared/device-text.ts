/** Describes devices for people. */
import type { Device } from '../../engine/device.ts'
import type { DeviceSettings } from './device.ts'
import { entry } from './text.ts'

/** Describes the devices: how they compute, why they were chosen, and what share each has. */
export function deviceText(
  devices: readonly Device[],
  { reason, options: { tf32, deterministic }, parallel: { replicas } }: DeviceSettings
): string {
  const modes = [tf32 && 'f32 by TF32', deterministic && 'deterministic'].filter(Boolean)
  const kinds = new Map<string, string[]>()
  for (const { name, description } of devices) {
    kinds.set(description, [...(kinds.get(description) ?? []), name])
  }
  const lines = [...kinds].map(([description, names]) => {
    const each = names.length > 1 ? 'each ' : ''
    return `${names.join(', ')}: ${each}${[description, ...modes].join(', ')}`
  })
  if (reason !== undefined) lines.push(`chosen because ${reason}`)
  if (devices.length > 1) lines.push(shareText(devices.length / replicas, replicas))
  return entry('Device', lines.join('\n'))
}

function shareText(slices: number, replicas: number): string {
  const [channels, batch] = [`${part(slices)} of the channels`, `${part(replicas)} of the batch`]
  if (replicas === 1) return `each has ${channels}`
  if (slices === 1) return `each has ${batch}`
  return `each ${slices} together have ${batch}, and each of them ${channels}`
}

/** One of so many equal parts. */
function part(parts: number): string {
  return ['all', 'half', 'a third', 'a quarter'][parts - 1] ?? `1/${parts}`
}
