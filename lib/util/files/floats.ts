/** Values of files as f32. */
import type { FileDtype } from './safetensors-header.ts'

/** Elements that are converted before other work gets its turn: some milliseconds. */
export const PIECE = 1 << 20

/**
 * Converts values to f32: exactly from bf16, f16, bool and integers up to 2²⁴, else to the nearest.
 *
 * @param bytes row-major, little-endian, at a place that is aligned for the dtype
 */
export function toFloats(dtype: FileDtype, bytes: Uint8Array): Float32Array {
  const { buffer, byteOffset, byteLength } = bytes
  switch (dtype) {
    case 'f32':
      return new Float32Array(buffer, byteOffset, byteLength / 4)
    case 'f64':
      return Float32Array.from(new Float64Array(buffer, byteOffset, byteLength / 8))
    case 'bf16':
      return fromBf16(new Uint16Array(buffer, byteOffset, byteLength / 2))
    case 'f16':
      return fromF16(new Uint16Array(buffer, byteOffset, byteLength / 2))
    case 'i64':
      return Float32Array.from(new BigInt64Array(buffer, byteOffset, byteLength / 8), Number)
    case 'u64':
      return Float32Array.from(new BigUint64Array(buffer, byteOffset, byteLength / 8), Number)
    case 'i32':
      return Float32Array.from(new Int32Array(buffer, byteOffset, byteLength / 4))
    case 'u32':
      return Float32Array.from(new Uint32Array(buffer, byteOffset, byteLength / 4))
    case 'i16':
      return Float32Array.from(new Int16Array(buffer, byteOffset, byteLength / 2))
    case 'u16':
      return Float32Array.from(new Uint16Array(buffer, byteOffset, byteLength / 2))
    case 'i8':
      return Float32Array.from(new Int8Array(buffer, byteOffset, byteLength))
    case 'u8':
    case 'bool':
      return Float32Array.from(bytes)
  }
}

/** bf16 is the upper half of an f32. */
function fromBf16(values: Uint16Array): Float32Array {
  const bits = new Uint32Array(values.length)
  for (let i = 0; i < values.length; i++) bits[i] = (values[i] ?? 0) << 16
  return new Float32Array(bits.buffer)
}

/** 2⁻²⁴: the step of subnormal numbers of f16. */
const SUBNORMAL = 2 ** -24

/** IEEE 754 binary16: a sign, 5 bits of exponent with bias 15, 10 of fraction. */
function fromF16(values: Uint16Array): Float32Array {
  const out = new Float32Array(values.length)
  const bits = new Uint32Array(out.buffer)
  for (let i = 0; i < values.length; i++) {
    const half = values[i] ?? 0
    const sign = (half & 0x8000) << 16
    const exponent = (half >> 10) & 31
    const fraction = half & 1023
    if (exponent === 0) out[i] = (sign === 0 ? 1 : -1) * fraction * SUBNORMAL
    else bits[i] = sign | ((exponent === 31 ? 255 : exponent + 112) << 23) | (fraction << 13)
  }
  return out
}
