import type { ColourVariation } from '../../data/dataset.ts'

/** Standard deviations of ImageNet's training pixels along their principal components, largest first. */
const deviations = [121.7801, 37.0939, 19.7208]

/**
 * Principal components of ImageNet's training pixels, RGB, 0…255, for sets without colour statistics of their own.
 * Source: AlexNet source code, Computer History Museum.
 */
export const imageNetColours: ColourVariation = {
  eigenvalues: deviations.map((deviation) => deviation ** 2),
  eigenvectors: [
    [-0.56351, -0.57618, -0.592],
    [-0.71258, -0.02354, 0.7012],
    [0.41796, -0.81698, 0.39731]
  ]
}
