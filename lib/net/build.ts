/** Builds a net: drafts it, checks that it fits, allocates its memory, and initialises its parameters. */

import { OutOfMemoryError } from '../native/errors.ts'
import { type Draft, draftNet } from './draft.ts'
import { NetMemory } from './memory.ts'
import type { DevicePlan, MemoryPlan } from './memory-plan.ts'
import { Net } from './net.ts'
import type { BuildOptions } from './options.ts'
import type { Placement } from './placement/placement.ts'
import { sharedLayouts } from './placement/shared-layouts.ts'
import type { NetSpec } from './spec.ts'

/**
 * Builds a net on a placement.
 * @param ownsPlacement whether the placement closes with the net
 * @throws OutOfMemoryError if the net does not fit in memory; the message names a batch that fits
 * @throws Error if a layer does not suit its inputs; nothing stays open after either
 */
export async function buildNet(
  spec: NetSpec,
  placement: Placement,
  options: BuildOptions,
  ownsPlacement: boolean
): Promise<Net> {
  let draft: Draft | undefined
  let memory: NetMemory | undefined
  try {
    const { group } = placement
    if (group && ownsPlacement) placement.tags = group.claimTags()
    draft = await draftNet(spec, placement, options, false)
    const layouts = group && !options.parameters && (await sharedLayouts(group, draft.parameters))
    if (layouts) {
      await draft.close()
      draft.parameters.close()
      draft = await draftNet(spec, placement, options, false, layouts)
    }
    const plan = draft.plan()
    const lacking = plan.fits ? undefined : shortOf(draft, plan)
    if (lacking) throw await tooLarge(draft, lacking, options)
    try {
      memory = allocateMemory(draft)
    } catch (cause) {
      // Another process may have taken what was free a moment ago.
      if (!(cause instanceof OutOfMemoryError)) throw cause
      throw await tooLarge(draft, plan, options, cause)
    }
    writeDefaults(draft)
    const { parameters } = draft
    if (!options.parameters) {
      await parameters.initialise(placement.first.stream, draft.options.seed)
    }
    const rebuild = (other: BuildOptions) => buildNet(spec, placement, other, false)
    return new Net({ draft, plan, memory, options, rebuild, ownsPlacement })
  } catch (error) {
    if (memory) await placement.synchronize().catch(() => {})
    await draft?.close()
    if (ownsPlacement) await placement.close()
    memory?.close()
    if (!options.parameters) draft?.parameters.close()
    throw error
  }
}

function allocateMemory(draft: Draft): NetMemory {
  const { parameters, placement, options } = draft
  parameters.allocate(
    placement.parts.map(({ stream }) => stream),
    options.training
  )
  return new NetMemory(draft)
}

/** Writes what a step reads by default: loss scale 1, no label smoothing, all rows count. */
function writeDefaults({ stepIO, placement }: Draft): void {
  for (const [replica, { scale, smoothing, valid, labels }] of stepIO.entries()) {
    const stream = placement.of(replica)[0]?.stream
    stream?.write(scale.place, Float32Array.of(1))
    if (smoothing) stream?.write(smoothing.place, Float32Array.of(0))
    stream?.write(valid.place, Int32Array.of(labels.dims[0] ?? 0))
  }
}

/** The device, or all of them together, that has too little memory. Parameters that are allocated count as free. */
function shortOf({ parameters, placement }: Draft, plan: MemoryPlan): DevicePlan | undefined {
  const { parts } = placement
  const taken = parts
    .filter(() => parameters.allocated)
    .reduce((sum, { index }) => sum + parameters.bytes(index).masters, 0)
  const total = { ...plan, available: plan.available + taken }
  if (total.bytes > total.available) return total
  return parts.length === 1
    ? undefined
    : plan.devices.find((device) => device.bytes > device.available)
}

/** Says what the net needs, what there is, and which batch would fit. */
async function tooLarge(
  { spec, placement }: Draft,
  plan: DevicePlan,
  options: BuildOptions,
  cause?: Error
): Promise<Error> {
  const mb = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`
  const list = plan.slabs.map((slab) => `${slab.name} ${mb(slab.bytes)}`).join(', ')
  const fits = await largestBatch(spec, placement, plan, options)
  const remedy =
    fits > 0
      ? `A batch of ${fits} would fit. Use that, or a smaller net.`
      : 'Not even a batch of 1 fits. Use a smaller net.'
  return new OutOfMemoryError(
    `[net] ${spec.name} with batch ${options.batch} needs ${mb(plan.bytes)} on ${plan.device}, and ` +
      `${mb(plan.available)} are available (${list}). ${remedy}` +
      (cause ? ` ${cause.message}` : ''),
    { cause }
  )
}

/** Interpolates between the plans of this batch and of one image; leaves 5% free. */
async function largestBatch(
  spec: NetSpec,
  placement: Placement,
  plan: DevicePlan,
  options: BuildOptions
): Promise<number> {
  const single = await draftNet(spec, placement, { ...options, batch: 1 }, false)
  try {
    const { devices, bytes } = single.plan()
    const least = devices.find(({ device }) => device === plan.device)?.bytes ?? bytes
    const each = (plan.bytes - least) / Math.max(1, options.batch - 1)
    if (least > plan.available) return 0
    const more = Math.floor(((plan.available - least) / each) * 0.95)
    return Math.min(options.batch - 1, 1 + more)
  } finally {
    if (!options.parameters) single.parameters.close()
    await single.close()
  }
}
