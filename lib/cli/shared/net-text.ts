/** A net's layers and its memory plan, as text. */
import type { DevicePlan, MemoryPlan, MemoryPool } from '../../net/memory-plan.ts'
import type { LayerSummary } from '../../net/trace/summary.ts'
import { count, mebibytes, short } from './format.ts'
import { tableText } from './table.ts'
import { entry } from './text.ts'

/** The table of layers: name, kind, output, parameters and multiply-adds of one image. */
export function layerTable(layers: readonly LayerSummary[]): Promise<string> {
  const rows = layers.map(({ name, kind, output, parameters, macs }) => {
    return [name, kind, output.join('×'), parameters ? count(parameters) : '', short(macs)]
  })
  const { parameters, macs } = totals(layers)
  return tableText(
    {
      head: ['layer', 'kind', 'output', 'parameters', 'MACs'],
      align: ['left', 'left', 'right', 'right', 'right']
    },
    [...rows, ['all', '', '', count(parameters), short(macs)]]
  )
}

/** Sums trained values, and multiply-adds of one image's forward pass. */
export function totals(layers: readonly LayerSummary[]): { parameters: number; macs: number } {
  return {
    parameters: layers.reduce((sum, layer) => sum + layer.parameters, 0),
    macs: layers.reduce((sum, layer) => sum + layer.macs, 0)
  }
}

/** Names the layers that stay as they are; empty if there are none. */
export function frozenText(layers: readonly LayerSummary[]): string[] {
  const frozen = layers.filter(({ frozen }) => frozen)
  if (frozen.length === 0) return []
  const values = frozen.reduce((sum, { parameters }) => sum + parameters, 0)
  const names = frozen.map(({ name }) => name).join(', ')
  return [entry('Frozen', `${names}: ${count(values)} parameters stay as they are`)]
}

/** The memory that a build needs, and what is available. */
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
