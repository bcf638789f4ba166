/** What a build takes of each device, said before a byte is taken. */

import type { Stream } from '../engine/stream.ts'
import { parseDeviceName } from '../native/device-name.ts'
import { align, packByLifetime, packSequential } from './graph/arena.ts'
import type { Parameters } from './graph/parameters.ts'
import type { Tape } from './graph/tape.ts'
import type { Value } from './graph/value.ts'
import type { BuildOptions } from './options.ts'
import type { Part, Placement } from './placement/placement.ts'

/** A slab of memory that a build takes. */
export interface PlannedSlab {
  readonly name: string
  readonly bytes: number
}

/** What a build takes of one device. */
export interface DevicePlan {
  readonly device: string
  readonly slabs: readonly PlannedSlab[]
  readonly bytes: number
  readonly available: number
}

/** Memory that devices have in common: all CPUs, and those of one GPU. */
export interface MemoryPool {
  readonly devices: readonly DevicePlan[]
  readonly bytes: number
  readonly available: number
}

/** What a build takes, by slab; of all its devices together, and of each. */
export interface MemoryPlan extends DevicePlan {
  readonly fits: boolean
  readonly devices: readonly DevicePlan[]
  readonly pools: readonly MemoryPool[]
}

/** What the plan reads of a draft. */
export interface Planned {
  readonly placement: Placement
  readonly parameters: Parameters
  /** One a part of the placement. */
  readonly tapes: readonly Tape[]
  valuesOf(part: number): readonly Value[]
  scratchOf(stream: Stream): number
}

/** What devices take of each memory. */
function poolsOf(devices: readonly DevicePlan[]): MemoryPool[] {
  const pools = new Map<string, MemoryPool>()
  for (const plan of devices) {
    const { kind, ordinal } = parseDeviceName(plan.device)
    const key = kind === 'cpu' ? kind : `${kind}:${ordinal}`
    const {
      devices: others,
      bytes,
      available
    } = pools.get(key) ?? {
      ...{ devices: [], bytes: 0, available: plan.available }
    }
    pools.set(key, { devices: [...others, plan], bytes: bytes + plan.bytes, available })
  }
  return [...pools.values()]
}

function planOf(
  part: Part,
  draft: Planned,
  { training = true, optimizer, ema, accumulate = 1 }: BuildOptions
): DevicePlan {
  const { index, device } = part
  const { parameters } = draft
  const values = draft.valuesOf(index)
  const packed = new Set(draft.tapes[index]?.packed)
  const passing = values.filter((value) => !value.permanent)
  const ports = values.filter((value) => value.permanent && !packed.has(value))
  const { masters, gradients } = parameters.bytes(index)
  // A trainer keeps a value like the master for each weight and slot of state, and for an average.
  const trained = parameters.of(index).filter((parameter) => parameter.trained)
  const state = packSequential(trained.map(({ master }) => master)).bytes
  const kept = (optimizer?.state.length ?? 0) + (ema === undefined ? 0 : 1)
  const slabs: PlannedSlab[] = [
    { name: 'parameters', bytes: masters },
    { name: 'gradients', bytes: training ? gradients * (accumulate > 1 ? 2 : 1) : 0 },
    { name: 'optimizer', bytes: training ? state * kept : 0 },
    { name: 'activations', bytes: packByLifetime(passing).bytes },
    { name: 'packed weights', bytes: packSequential(packed).bytes },
    { name: 'workspace', bytes: align(draft.scratchOf(part.stream)) },
    { name: 'inputs', bytes: packSequential(ports).bytes }
  ]
  const bytes = slabs.reduce((sum, slab) => sum + slab.bytes, 0)
  return { device: device.name, slabs, bytes, available: device.memory().available }
}

export function planMemory(draft: Planned, options: BuildOptions): MemoryPlan {
  const devices = draft.placement.parts.map((part) => planOf(part, draft, options))
  const pools = poolsOf(devices)
  const names = new Set(devices.flatMap(({ slabs }) => slabs.map(({ name }) => name)))
  const slabs = [...names].map((name) => ({
    name,
    bytes: devices
      .flatMap((device) => device.slabs)
      .filter((slab) => slab.name === name)
      .reduce((sum, slab) => sum + slab.bytes, 0)
  }))
  return {
    device: devices.map(({ device }) => device).join(', '),
    slabs,
    bytes: pools.reduce((sum, { bytes }) => sum + bytes, 0),
    available: pools.reduce((sum, { available }) => sum + available, 0),
    fits: pools.every(({ bytes, available }) => bytes <= available),
    ...{ devices, pools }
  }
}
