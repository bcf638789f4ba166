/** How much memory a build takes of each device, known before any of it is allocated. */

import type { Stream } from '../engine/stream.ts'
import { type DeviceName, parseDeviceName } from '../native/device-name.ts'
import { align, packByLifetime, packSequential } from './graph/arena.ts'
import type { Parameters } from './graph/parameters.ts'
import type { Tape } from './graph/tape.ts'
import type { Value } from './graph/value.ts'
import type { SettledOptions } from './options.ts'
import type { Part, Placement } from './placement/placement.ts'

/** One slab of device memory. */
export interface PlannedSlab {
  /** 'parameters', 'gradients', 'optimizer', 'activations', 'packed weights', 'workspace' or 'inputs'. */
  readonly name: string
  /** Its size. */
  readonly bytes: number
}

/** The memory that a build takes of one device. */
export interface DevicePlan {
  /** The device's name: 'cpu', 'cuda:1', … */
  readonly device: string
  /** By use; some may have 0 bytes. */
  readonly slabs: readonly PlannedSlab[]
  /** Of all slabs together. */
  readonly bytes: number
  /** Bytes that are free on the device. */
  readonly available: number
}

/** Memory that several devices share: all CPUs, or the devices on one GPU. */
export interface MemoryPool {
  /** The devices that share it. */
  readonly devices: readonly DevicePlan[]
  /** What the devices take together. */
  readonly bytes: number
  /** Bytes that are free for them together. */
  readonly available: number
}

/** The memory that a build takes: summed over its devices, by slab, and of each device. */
export interface MemoryPlan extends DevicePlan {
  /** True if every pool has as much as the build takes of it. */
  readonly fits: boolean
  /** In the order of the build's devices. */
  readonly devices: readonly DevicePlan[]
  /** By memory that devices share. */
  readonly pools: readonly MemoryPool[]
}

/** What the plan reads of a draft. */
export interface Planned {
  readonly options: SettledOptions
  readonly placement: Placement
  readonly parameters: Parameters
  /** One a part of the placement. */
  readonly tapes: readonly Tape[]
  valuesOf(part: number): readonly Value[]
  scratchOf(stream: Stream): number
}

function sum(items: readonly { readonly bytes: number }[]): number {
  return items.reduce((total, { bytes }) => total + bytes, 0)
}

function sharePool(a: DeviceName, b: DeviceName): boolean {
  return a.kind === b.kind && (a.kind === 'cpu' || a.ordinal === b.ordinal)
}

function poolsOf(plans: readonly DevicePlan[]): MemoryPool[] {
  const pools: { readonly name: DeviceName; readonly devices: DevicePlan[] }[] = []
  for (const plan of plans) {
    const name = parseDeviceName(plan.device)
    const pool = pools.find((known) => sharePool(known.name, name))
    if (pool) pool.devices.push(plan)
    else pools.push({ name, devices: [plan] })
  }
  return pools.map(({ devices }) => {
    const [first] = devices
    return { devices, bytes: sum(devices), available: first?.available ?? 0 }
  })
}

function planDevice({ index, device, stream }: Part, draft: Planned): DevicePlan {
  const { parameters, options } = draft
  const { training, optimizer, ema, accumulate } = options
  const values = draft.valuesOf(index)
  const packed = new Set(draft.tapes[index]?.packed)
  const activations = values.filter((value) => !value.permanent)
  const io = values.filter((value) => value.permanent && !packed.has(value))
  const { masters, gradients } = parameters.bytes(index)
  // A trainer keeps a tensor like the master weights for each slot of optimizer state, and for a moving average.
  const trained = parameters.of(index).filter((parameter) => parameter.trained)
  const state = packSequential(trained.map(({ master }) => master)).bytes
  const slots = (optimizer?.state.length ?? 0) + (ema === undefined ? 0 : 1)
  const slabs: PlannedSlab[] = [
    { name: 'parameters', bytes: masters },
    { name: 'gradients', bytes: training ? gradients * (accumulate > 1 ? 2 : 1) : 0 },
    { name: 'optimizer', bytes: training ? state * slots : 0 },
    { name: 'activations', bytes: packByLifetime(activations).bytes },
    { name: 'packed weights', bytes: packSequential(packed).bytes },
    { name: 'workspace', bytes: align(draft.scratchOf(stream)) },
    { name: 'inputs', bytes: packSequential(io).bytes }
  ]
  return { device: device.name, slabs, bytes: sum(slabs), available: device.memory().available }
}

/** Adds up the memory that a draft needs, by device, slab and pool. Allocates nothing. */
export function planMemory(draft: Planned): MemoryPlan {
  const devices = draft.placement.parts.map((part) => planDevice(part, draft))
  const pools = poolsOf(devices)
  const all = devices.flatMap(({ slabs }) => slabs)
  const names = [...new Set(all.map(({ name }) => name))]
  return {
    device: devices.map(({ device }) => device).join(', '),
    slabs: names.map((name) => ({ name, bytes: sum(all.filter((slab) => slab.name === name)) })),
    bytes: sum(pools),
    available: pools.reduce((total, { available }) => total + available, 0),
    fits: pools.every(({ bytes, available }) => bytes <= available),
    devices,
    pools
  }
}
