import { elements } from '../../native/layout.ts'
import type { Net } from '../../net/net.ts'

/**
 * Images that a run leaves out of each epoch, which end in a batch that batch norm cannot train on: with one value a
 * channel there is no variance. They are others in each epoch.
 *
 * @param images of the set
 * @returns 0, or the images of the last batch; then a warning of the process says so
 * @throws Error where no image is left
 */
export function leftOut(net: Net, images: number): number {
  const { layers, placement, batch } = net
  const norm = layers.find(({ kind, frozen, output: [, ...pixels] }) => {
    return kind === 'batch_norm' && !frozen && elements(pixels) === 1
  })
  const rest = images % batch
  // Each share needs two images.
  if (!norm || rest === 0 || rest >= 2 * placement.shares) return 0
  const what = `layer '${norm.name}' (batch_norm) has one value a channel and image`
  const few = `${rest === 1 ? 'one image is' : `${rest} images are`}`
  if (rest === images) {
    throw new Error(
      `[train] ${what}, and ${few} too few to train on: expected ${2 * placement.shares} or more`
    )
  }
  process.emitWarning(
    `[train] ${what}, and ${few} left over from batches of ${batch}: each epoch leaves out as ` +
      `many, others each time. Choose a batch that divides ${images}, or leaves more, to see all.`,
    { type: 'Warning', code: 'ALEXNODE_LEFT_OUT' }
  )
  return rest
}
