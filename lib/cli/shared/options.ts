/** Options that several commands have. */
import { floatDTypes } from '../../native/dtype.ts'
import { choice } from './command.ts'

/** `--dtype`. Default: the device's preferred dtype. */
export const dtypeOption = () =>
  choice('--dtype <dtype>', 'dtype to compute in (bf16 or f16 where fast, else f32)', floatDTypes)

/** `--resize-filter`, by which pictures are resized. */
export const filterOption = (usual: string) =>
  choice(
    '--resize-filter <name>',
    `filter for pictures: lanczos3, or bilinear, which resizes and crops as torchvision does (${usual})`,
    ['lanczos3', 'bilinear']
  )

/** `--views`, which `viewsOf` reads. */
export const viewsOption = () =>
  choice('--views <n>', 'views of each image: 1, or 10 crops and mirrors (1)', ['1', '10'])

/** The number of views that `--views` says. Default 1. */
export function viewsOf({ views = '1' }: { readonly views?: string }): 1 | 10 {
  return views === '10' ? 10 : 1
}

/** Help of `--trace <file>`. */
export const traceHelp = 'write the timeline of one step, for ui.perfetto.dev'

/** Help of `--json`, for commands that print one result. */
export const jsonHelp = 'print one JSON object'
