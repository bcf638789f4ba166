import type { ColourVariation } from '../../data/dataset.ts'

/** Standard deviations of ImageNet's training pixels along their principal components, the largest first. */
const deviations = [121.7801, 37.0939, 19.7208]

/**
 * How the colours of ImageNet's training pixels vary, RGB, 0…255, as the original code measured it (Computer
 * History Museum): for sets that have not been measured themselves.
 */
export const imageNetColours: ColourVariation = {
  eigenvalues: deviations.map((deviation) => deviation ** 2),
  eigenvectors: [
    [-0.56351, -0.57618, -0.592],
    [-0.71258, -0.02354, 0.7012],
    [0.41796, -0.81698, 0.39731]
  ]
}
