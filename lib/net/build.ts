/** Builds a net: drafts it, checks that it fits, takes its memory, and fills its parameters. */

import { OutOfMemoryError } from '../native/errors.ts'
import { type Draft, draft } from './draft.ts'
import { fuse } from './fuse.ts'
import type { DevicePlan, MemoryPlan } from './memory-plan.ts'
import { Net } from './net.ts'
import type { BuildOptions } from './options.ts'
import type { Placement } from './placement/placement.ts'
import type { NetSpec } from './spec.ts'

/**
 * Works out shapes, layouts and memory, without taking memory for tensors.
 * @param own whether the placement closes with the draft
 */
export function draftNet(
  spec: NetSpec,
  placement: Placement,
  options: BuildOptions,
  own: boolean
): Promise<Draft> {
  const layers = options.fuse === false ? spec.layers : fuse(spec.layers)
  return draft(spec, layers, placement, options, own)
}

/**
 * Builds a net on a placement.
 * @param own whether the placement closes with the net
 * @throws OutOfMemoryError where the net does not fit in memory; the message names a batch that would
 * @throws Error where a layer does not fit; nothing stays open after either
 */
export async function buildNet(
  spec: NetSpec,
  placement: Placement,
  options: BuildOptions,
  own: boolean
): Promise<Net> {
  let drafted: Draft | undefined
  let net: Net | undefined
  try {
    drafted = await draftNet(spec, placement, options, false)
    const plan = drafted.plan()
    const lacking = plan.fits ? undefined : tight(drafted, plan)
    if (lacking) throw await tooLarge(drafted, lacking, options)
    const rebuild = (other: BuildOptions) => buildNet(spec, placement, other, false)
    try {
      net = new Net(drafted, plan, options, rebuild, own)
    } catch (cause) {
      // Another process may have taken what was free a moment ago.
      if (!(cause instanceof OutOfMemoryError)) throw cause
      throw await tooLarge(drafted, plan, options, cause)
    }
    if (!options.parameters) await drafted.parameters.initialise(net.stream, net.seed)
    return net
  } catch (error) {
    if (!options.parameters) drafted?.parameters.close()
    await (net?.close() ?? drafted?.close())
    if (!net && own) await placement.close()
    throw error
  }
}

/** The device whose memory the build does not fit, where what the parameters have taken already counts. */
function tight({ parameters, placement }: Draft, plan: MemoryPlan): DevicePlan | undefined {
  const { parts } = placement
  const taken = parts
    .filter(() => parameters.allocated)
    .reduce((sum, { index }) => sum + parameters.bytes(index).masters, 0)
  const room = { ...plan, available: plan.available + taken }
  if (room.bytes > room.available) return room
  return parts.length === 1
    ? undefined
    : plan.devices.find((device) => device.bytes > device.available)
}

/** What was asked for, what there is, and the batch that would fit. */
async function tooLarge(
  { spec, placement }: Draft,
  plan: DevicePlan,
  options: BuildOptions,
  cause?: Error
): Promise<Error> {
  const mb = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`
  const list = plan.slabs.map((slab) => `${slab.name} ${mb(slab.bytes)}`).join(', ')
  const fits = await largestBatch(spec, placement, plan, options)
  const remedy = fits > 0 ? `A batch of ${fits} would fit.` : 'Not even a batch of 1 fits.'
  return new OutOfMemoryError(
    `[net] ${spec.name} with batch ${options.batch} needs ${mb(plan.bytes)} on ${plan.device}, and ` +
      `${mb(plan.available)} are available (${list}). ${remedy} Use that, or a smaller net.` +
      (cause ? ` ${cause.message}` : ''),
    { cause }
  )
}

/** Told by the line through the plans of this batch and of one image; a twentieth is left free. */
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
