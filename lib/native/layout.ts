/**
 * How a tensor lies in memory, in oneDNN's tag notation: the letters are the tensor's dimensions,
 * `a` the first, from the outermost in memory to the innermost. A capital letter says that the
 * dimension is cut into blocks, and the numbers with a letter at the end are the blocks. A blocked
 * dimension is filled up with zeros to whole blocks.
 *
 *     ab       row-major matrix
 *     abcd     NCHW (images) or OIHW (weights), row-major
 *     acdb     NHWC
 *     aBcd8b   channels in blocks of 8
 *     ABcd8b8a both in blocks; the 8 outputs of one input lie together
 *
 * Source of the notation: oneDNN developer guide, "Memory format propagation" and `format_tag`.
 */
export interface Layout {
  /** The layout as it was written. */
  readonly tag: string
  /** Number of dimensions. */
  readonly rank: number
  /** Dimensions from the outermost in memory to the innermost, blocks left out. */
  readonly order: readonly number[]
  /** The blocks inside them, outermost first. */
  readonly blocks: readonly { readonly dimension: number; readonly size: number }[]
}

/** Sizes of a tensor, outermost dimension first: [N, C, H, W], [O, I, H, W], [N, C] … */
export type Shape = readonly number[]

/** Number of elements of `shape`; 1 for a scalar. */
export function elements(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** The row-major layout of `rank` dimensions: `a`, `ab`, `abc` … */
export function denseLayout(rank: number): string {
  return 'abcdefghijkl'.slice(0, rank)
}

/**
 * Whether a layout holds a tensor's own elements, and not what Winograd's method makes of filters
 * (`winograd5x3s1p32`), of which a CPU alone knows how they lie, and which nothing turns back.
 */
export function holdsElements(layout: string): boolean {
  return !layout.startsWith('winograd')
}

/**
 * Reads a layout.
 *
 * @throws when `tag` is not of this notation, or names a dimension twice or not at all
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

/** Where each index of one dimension lies: `offsets[dimension][index]`, to be added up. */
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
  // From the innermost out: `stride` elements lie inside; `inside[d]` of dimension d are placed.
  const inside = shape.map(() => 1)
  let stride = 1
  const place = (dimension: number, size: number) => {
    const table = tables[dimension]!
    const done = inside[dimension]!
    for (let i = 0; i < table.length; i++) {
      table[i] = table[i]! + (Math.floor(i / done) % size) * stride
    }
    inside[dimension] = done * size
    stride *= size
  }
  for (const { dimension, size } of layout.blocks.toReversed()) place(dimension, size)
  for (const dimension of layout.order.toReversed()) {
    place(dimension, Math.ceil(shape[dimension]! / inBlocks[dimension]!))
  }
  return { tables, total: stride }
}

/** Elements that `shape` takes in `layout`, padding of blocks included. */
export function layoutElements(shape: Shape, layout: string): number {
  return offsetTables(shape, parseLayout(layout)).total
}

/**
 * Where each element lies: entry i is the physical position of the i-th element in row-major order.
 */
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
 * Lays row-major `values` out in `layout`. What fills up the blocks is zero.
 *
 * @example
 * pack([1, 2, 3, 4, 5, 6], [1, 3, 1, 2], 'acdb') // 1, 3, 5, 2, 4, 6
 * @throws when there are more or fewer values than `shape` says, or the layout does not fit
 */
export function pack(values: ArrayLike<number>, shape: Shape, layout: string): Float64Array {
  expectCount(values, elements(shape), shape)
  const offsets = layoutOffsets(shape, layout)
  const out = new Float64Array(layoutElements(shape, layout))
  for (let i = 0; i < offsets.length; i++) out[offsets[i]!] = values[i]!
  return out
}

/** The reverse of {@link pack}: row-major values of a tensor that lies in `layout`. */
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
