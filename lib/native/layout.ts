/**
 * Memory layout of a tensor in oneDNN's tag notation. Letters are dimensions, `a` the first, from the outermost in
 * memory to the innermost. A capital letter marks a dimension that is divided into blocks; numbers with a letter at
 * the end are the block sizes. A blocked dimension is padded with zeros to whole blocks.
 *
 *     ab       row-major matrix
 *     abcd     NCHW (images) or OIHW (weights), row-major
 *     acdb     NHWC
 *     aBcd8b   channels in blocks of 8
 *     ABcd8b8a both in blocks; the 8 outputs of one input are contiguous
 *
 * Source of the notation: oneDNN developer guide, "Memory format propagation" and `format_tag`.
 */
export interface Layout {
  /** The tag. */
  readonly tag: string
  /** Number of dimensions. */
  readonly rank: number
  /** Dimensions from the outermost in memory to the innermost, without blocks. */
  readonly order: readonly number[]
  /** Blocks, outermost first. */
  readonly blocks: readonly { readonly dimension: number; readonly size: number }[]
}

/** Sizes of a tensor, outermost dimension first: images [N, C, H, W], filters [O, I, H, W], vectors [N, C]. */
export type Shape = readonly number[]

/**
 * Number of elements of a shape; 1 for [].
 *
 * @example
 * elements([2, 3]) // 6
 */
export function elements(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** True if both shapes have the same sizes in the same order. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i])
}

/**
 * The row-major layout of up to 12 dimensions.
 *
 * @example
 * denseLayout(4) // 'abcd'
 */
export function denseLayout(rank: number): string {
  return 'abcdefghijkl'.slice(0, rank)
}

/**
 * True if a layout holds the tensor's elements. False for filters that were transformed for Winograd's method
 * (`winograd5x3s1p32`): their layout is the CPU backend's own, and they cannot be transformed back.
 */
export function holdsElements(layout: string): boolean {
  return !layout.startsWith('winograd')
}

/**
 * Parses a layout.
 *
 * @throws Error if `tag` is not in this notation, or names a dimension twice or not at all
 */
export function parseLayout(tag: string): Layout {
  const match = /^([a-lA-L]+)((?:[1-9][0-9]*[a-l])*)$/.exec(tag)
  if (!match) throw malformed(tag)
  const [, letters = '', inner = ''] = match
  const order = [...letters].map((letter) => letter.toLowerCase().charCodeAt(0) - 97)
  const blocks = [...inner.matchAll(/([0-9]+)([a-l])/g)].map(([, size = '', letter = '']) => ({
    dimension: letter.charCodeAt(0) - 97,
    size: Number(size)
  }))
  const rank = order.length
  if (new Set(order).size !== rank || Math.max(...order) !== rank - 1) throw malformed(tag)
  for (const letter of letters) {
    const dimension = letter.toLowerCase().charCodeAt(0) - 97
    const blocked = blocks.some((block) => block.dimension === dimension)
    if (blocked !== (letter !== letter.toLowerCase())) throw malformed(tag)
  }
  if (blocks.some((block) => block.dimension >= rank)) throw malformed(tag)
  return { tag, rank, order, blocks }
}

function malformed(tag: string): Error {
  return new Error(
    `[layout] expected a tag such as ab, abcd, acdb or aBcd8b, got '${tag}'; ` +
      'write each dimension once, in capitals where it has blocks'
  )
}

/** Offset of each index by dimension, `tables[dimension][index]`; an element's offset is their sum. */
function offsetTables(shape: Shape, layout: Layout): { tables: Float64Array[]; total: number } {
  if (shape.length !== layout.rank) {
    throw new Error(
      `[layout] expected ${layout.rank} dimensions for '${layout.tag}', got [${shape}]; ` +
        'use a layout with one letter a dimension'
    )
  }
  const inBlocks = shape.map((_, d) =>
    layout.blocks.reduce((size, block) => (block.dimension === d ? size * block.size : size), 1)
  )
  const tables = shape.map((size) => new Float64Array(size))
  // From the innermost outwards: `stride` elements are inside, and `inside[d]` indices of dimension d.
  const inside = shape.map(() => 1)
  let stride = 1
  const assign = (dimension: number, size: number) => {
    const table = tables[dimension]!
    const done = inside[dimension]!
    for (let i = 0; i < table.length; i++) {
      table[i] = table[i]! + (Math.floor(i / done) % size) * stride
    }
    inside[dimension] = done * size
    stride *= size
  }
  for (const { dimension, size } of layout.blocks.toReversed()) assign(dimension, size)
  for (const dimension of layout.order.toReversed()) {
    assign(dimension, Math.ceil(shape[dimension]! / inBlocks[dimension]!))
  }
  return { tables, total: stride }
}

/** Number of elements in memory, padding of blocks included. */
export function layoutElements(shape: Shape, layout: string): number {
  return offsetTables(shape, parseLayout(layout)).total
}

/** Offset in memory of each element, in row-major order. */
export function layoutOffsets(shape: Shape, layout: string): Float64Array {
  const { tables } = offsetTables(shape, parseLayout(layout))
  let offsets = new Float64Array(1)
  for (const table of tables) {
    const next = new Float64Array(offsets.length * table.length)
    for (let i = 0; i < next.length; i++) {
      next[i] = offsets[Math.floor(i / table.length)]! + table[i % table.length]!
    }
    offsets = next
  }
  return offsets
}

/**
 * Converts row-major values to a layout. Padding is zero.
 *
 * @example
 * pack([1, 2, 3, 4, 5, 6], [1, 3, 1, 2], 'acdb') // 1, 3, 5, 2, 4, 6
 * @throws Error for another number of values than the shape has, or a layout of another rank
 */
export function pack(values: ArrayLike<number>, shape: Shape, layout: string): Float64Array {
  expectCount(values, elements(shape), shape)
  const offsets = layoutOffsets(shape, layout)
  const out = new Float64Array(layoutElements(shape, layout))
  for (let i = 0; i < offsets.length; i++) out[offsets[i]!] = values[i]!
  return out
}

/** Converts values in a layout to row-major ones: the inverse of {@link pack}. */
export function unpack(values: ArrayLike<number>, shape: Shape, layout: string): Float64Array {
  expectCount(values, layoutElements(shape, layout), shape)
  return layoutOffsets(shape, layout).map((offset) => values[offset]!)
}

function expectCount(values: ArrayLike<number>, expected: number, shape: Shape): void {
  if (values.length === expected) return
  throw new Error(
    `[layout] expected ${expected} values for [${shape}], got ${values.length}; ` +
      'give as many as the shape and the layout say'
  )
}
