/**
 * The table of op cases: every op in several shapes, AlexNet's among them, in every dtype and layout that it takes. Tests
 * and `alexnode selftest` run it.
 */
import type { OpCase } from './case.ts'
import { batchNormCases } from './cases/batch-norm.ts'
import { convolutionCases } from './cases/convolution.ts'
import { cropCases } from './cases/crop.ts'
import { denseCases } from './cases/dense.ts'
import { elementwiseCases } from './cases/elementwise.ts'
import { lossCases } from './cases/loss.ts'
import { lrnCases } from './cases/lrn.ts'
import { moveCases } from './cases/move.ts'
import { optimizerCases } from './cases/optimizer.ts'
import { poolingCases } from './cases/pooling.ts'
import { sharedBatchNormCases } from './cases/shared-batch-norm.ts'
import { smallImageCases } from './cases/small-images.ts'
import { viewCases } from './cases/views.ts'
import { spoiltCases } from './spoilt.ts'

const finiteCases: readonly OpCase[] = [
  ...convolutionCases,
  ...smallImageCases,
  ...poolingCases,
  ...lrnCases,
  ...denseCases,
  ...batchNormCases,
  ...sharedBatchNormCases,
  ...elementwiseCases,
  ...lossCases,
  ...optimizerCases,
  ...moveCases,
  ...cropCases,
  ...viewCases
]

/** All rows; their names are unique. */
export const opCases: readonly OpCase[] = [...finiteCases, ...spoiltCases(finiteCases)]
