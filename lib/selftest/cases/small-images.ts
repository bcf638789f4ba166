import { floatDTypes } from '../../native/dtype.ts'
import type { OpCase } from '../case.ts'
import { convolutionRows } from './convolution.ts'
import { outputSize } from './shapes.ts'

const sizes = [1, 2, 3, 4]

/**
 * Convolutions of images 1 to 4 wide, with every stride up to 4, padding and dilation: libraries go wrong where an
 * image is narrower than a stride or a filter.
 */
export const smallImageCases: readonly OpCase[] = sizes.flatMap((width) =>
  sizes.flatMap((stride) =>
    [0, 1, 2].flatMap((padding) =>
      [1, 2].flatMap((dilation) => {
        const height = (width + stride) % 2 === 0 ? 1 : 9
        const kernel = [3, 3] as const
        const pads = [padding, padding, padding, padding] as const
        const convolution = {
          x: [3, 16, padding === 0 ? 9 : height, width],
          outputs: 32,
          kernel: padding === 0 ? ([3, 1] as const) : kernel,
          stride: [stride, stride] as const,
          padding: pads,
          dilation: [dilation, dilation] as const,
          bias: true,
          layout: 'any'
        }
        if (outputSize(convolution.x, convolution).some((size) => size < 1)) return []
        return floatDTypes.flatMap((dtype) => convolutionRows(convolution, dtype))
      })
    )
  )
)
