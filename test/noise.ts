/** Nets of a few layers over noise: 2×12×12, three classes. */
import { arrayImageSet } from '../lib/data/array-image-set.ts'
import type { ImageSet } from '../lib/data/dataset.ts'
import { defineNet } from '../lib/net/definition.ts'
import type { LayerNode } from '../lib/net/layer.ts'

const classes = ['a', 'b', 'c']
const size = 12
const channels = 2

/** Noise, which no two pixels share. */
export function noise(length: number, seed = 1): ImageSet {
  let state = seed
  const byte = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 24
  }
  const images = Uint8Array.from({ length: length * size * size * channels }, byte)
  const labels = Uint8Array.from({ length }, () => byte() % classes.length)
  return arrayImageSet({ images, labels, height: size, width: size, channels, classes })
}

/** A net over such images. */
export const define = (layers: readonly LayerNode[], name = 'tiny') =>
  defineNet({ name, input: { channels, height: size, width: size }, layers })
