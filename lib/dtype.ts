/** Element types: names, sizes, and the typed arrays that hold them on the JavaScript side. */

/** bf16 is the upper half of an f32; it travels in a Uint16Array. */
export type DType = 'f32' | 'bf16' | 'u8' | 'i32' | 'u32'
export type TypedArray = Float32Array | Uint16Array | Uint8Array | Int32Array | Uint32Array

const sizes: Record<DType, number> = { f32: 4, bf16: 2, u8: 1, i32: 4, u32: 4 }

/** All element types. */
export const dtypes: readonly DType[] = ['f32', 'bf16', 'u8', 'i32', 'u32']

/** Bytes of one element. */
export function dtypeBytes(dtype: DType): number {
  return sizes[dtype]
}

/** The typed array over `buffer` that holds elements of `dtype`. */
export function typedArray(dtype: DType, buffer: ArrayBuffer): TypedArray {
  switch (dtype) {
    case 'f32':
      return new Float32Array(buffer)
    case 'bf16':
      return new Uint16Array(buffer)
    case 'u8':
      return new Uint8Array(buffer)
    case 'i32':
      return new Int32Array(buffer)
    case 'u32':
      return new Uint32Array(buffer)
  }
}

/**
 * Rounds f32 numbers to bf16, to nearest and ties to even. NaN stays NaN.
 *
 * @returns the bit patterns
 * @example
 * toBf16(Float32Array.of(1, -2)) // Uint16Array [0x3f80, 0xc000]
 */
export function toBf16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const out = new Uint16Array(values.length)
  for (let i = 0; i < out.length; i++) {
    const word = bits[i]!
    const nan = (word & 0x7fffffff) > 0x7f800000
    out[i] = nan ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16
  }
  return out
}

/** The f32 numbers of bf16 bit patterns; exact. */
export function fromBf16(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length)
  for (let i = 0; i < words.length; i++) words[i] = bits[i]! << 16
  return new Float32Array(words.buffer)
}

/**
 * Numbers as elements of `dtype`: rounded to nearest even in f32 and bf16, taken modulo 2^bits in
 * the integer types.
 */
export function encode(values: ArrayLike<number>, dtype: DType): TypedArray {
  switch (dtype) {
    case 'f32':
      return Float32Array.from(values)
    case 'bf16':
      return toBf16(Float32Array.from(values))
    case 'u8':
      return Uint8Array.from(values)
    case 'i32':
      return Int32Array.from(values)
    case 'u32':
      return Uint32Array.from(values)
  }
}

/** The numbers that `elements` of `dtype` stand for; exact. */
export function decode(elements: TypedArray, dtype: DType): Float64Array {
  const bf16 = dtype === 'bf16' && elements instanceof Uint16Array
  return Float64Array.from(bf16 ? fromBf16(elements) : elements)
}

/** The numbers that `dtype` has for `values`. */
export function roundTo(values: ArrayLike<number>, dtype: DType): Float64Array {
  return decode(encode(values, dtype), dtype)
}
