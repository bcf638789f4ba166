/** A net's layers and its memory plan, as text. */
import type { DevicePlan, MemoryPlan, MemoryPool } from '../net/memory-plan.ts'
import type { LayerSummary } from '../net/trace.ts'
import { count, entry, mebibytes, short } from './format.ts'

/** The layers as a table: name, kind, output of one image, trained values, multiply-adds of one image. */
export async function layerTable(layers: readonly LayerSummary[]): Promise<string> {
  const { default: Table } = await import('cli-table3')
  const table = new Table({
    head: ['layer', 'kind', 'output', 'parameters', 'MACs'],
    colAligns: ['left', 'left', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true }
  })
  for (const { name, kind, output, parameters, macs } of layers) {
    table.push([name, kind, output.join('×'), parameters ? count(parameters) : '', short(macs)])
  }
  const { parameters, macs } = totals(layers)
  table.push(['all', '', '', count(parameters), short(macs)])
  return table.toString()
}

/** Trained values and multiply-adds of one image, forward. */
export function totals(layers: readonly LayerSummary[]): { parameters: number; macs: number } {
  return {
    parameters: layers.reduce((sum, layer) => sum + layer.parameters, 0),
    macs: layers.reduce((sum, layer) => sum + layer.macs, 0)
  }
}

/** What a build takes and what there is. */
export function planText({ pools }: MemoryPlan): string {
  return entry('Memory', pools.map(poolText).join('\n'))
}

function poolText({ devices, bytes, available }: MemoryPool): string {
  const names = devices.map(({ device }) => device).join(', ')
  const fits = bytes <= available ? '' : ': IT DOES NOT FIT'
  const several = devices.length > 1
  const lines = devices.map((plan) => `${several ? `${plan.device}: ` : ''}${slabsText(plan)}`)
  const head = `${mebibytes(bytes)} of ${mebibytes(available)} on ${names}${fits}`
  return [head, ...lines].join('\n')
}

function slabsText({ slabs }: DevicePlan): string {
  const list = slabs.filter((slab) => slab.bytes > 0)
  return list.map((slab) => `${slab.name} ${mebibytes(slab.bytes)}`).join(', ')
}
