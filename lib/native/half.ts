/** bf16 and f16 as bit patterns, and their conversion from and to f32. */

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

/** Converts bf16 bit patterns to f32; exact. */
export function fromBf16(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length)
  for (let i = 0; i < words.length; i++) words[i] = bits[i]! << 16
  return new Float32Array(words.buffer)
}

/** Least number that rounds to infinity: half a unit above f16's largest, 65504. */
const F16_OVERFLOW = 65520
/** Smallest normal number of f16. */
const F16_NORMAL = 2 ** -14
/** Smallest positive number of f16. */
const F16_LEAST = 2 ** -24

/**
 * Rounds f32 numbers to f16, to nearest and ties to even. 65520 and above become infinity; below 2^-14 results are
 * multiples of 2^-24. NaN stays NaN.
 *
 * @returns the bit patterns
 * @example
 * toF16(Float32Array.of(1, -2)) // Uint16Array [0x3c00, 0xc000]
 */
export function toF16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const out = new Uint16Array(values.length)
  for (let i = 0; i < out.length; i++) {
    const word = bits[i]!
    const value = Math.abs(values[i]!)
    const sign = (word >>> 16) & 0x8000
    const rest = word & 0x7fffffff
    // Adding and subtracting 2^52 rounds an f64 to a whole number, ties to even.
    if (value < F16_NORMAL) out[i] = sign | (value / F16_LEAST + 2 ** 52 - 2 ** 52)
    else if (value < F16_OVERFLOW) {
      out[i] = sign | ((rest - 0x38000000 + 0xfff + ((rest >>> 13) & 1)) >>> 13)
    } else out[i] = sign | (value >= F16_OVERFLOW ? 0x7c00 : 0x7e00 | ((rest >>> 13) & 0x3ff))
  }
  return out
}

/** Converts f16 bit patterns to f32; exact. */
export function fromF16(bits: Uint16Array): Float32Array {
  return Float32Array.from(bits, (half) => {
    const exponent = (half >>> 10) & 31
    const fraction = half & 0x3ff
    const sign = half & 0x8000 ? -1 : 1
    if (exponent === 0) return sign * fraction * F16_LEAST
    if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
  })
}
