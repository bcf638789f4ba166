/** Element types: names, sizes, and the typed arrays that hold them on the JavaScript side. */

import { fromBf16, fromF16, toBf16, toF16 } from './half.ts'

/** bf16 is the upper half of an f32, f16 an IEEE half; both travel in a Uint16Array. */
export type DType = 'f32' | 'bf16' | 'f16' | 'u8' | 'i32' | 'u32'
/** What nets compute in. */
export type FloatDType = 'f32' | 'bf16' | 'f16'
export type TypedArray = Float32Array | Uint16Array | Uint8Array | Int32Array | Uint32Array

const sizes: Record<DType, number> = { f32: 4, bf16: 2, f16: 2, u8: 1, i32: 4, u32: 4 }

/** All element types. */
export const dtypes: readonly DType[] = ['f32', 'bf16', 'f16', 'u8', 'i32', 'u32']

/** Those that nets compute in. */
export const floatDTypes: readonly FloatDType[] = ['f32', 'bf16', 'f16']

/** Whether nets compute in it. */
export function isFloat(dtype: DType): dtype is FloatDType {
  return dtype === 'f32' || dtype === 'bf16' || dtype === 'f16'
}

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
    case 'f16':
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
 * Numbers as elements of `dtype`: rounded to nearest even in f32, bf16 and f16, taken modulo 2^bits
 * in the integer types.
 */
export function encode(values: ArrayLike<number>, dtype: DType): TypedArray {
  switch (dtype) {
    case 'f32':
      return Float32Array.from(values)
    case 'bf16':
      return toBf16(Float32Array.from(values))
    case 'f16':
      return toF16(Float32Array.from(values))
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
  if (!(elements instanceof Uint16Array)) return Float64Array.from(elements)
  return Float64Array.from(dtype === 'f16' ? fromF16(elements) : fromBf16(elements))
}

/** The numbers that `dtype` has for `values`. */
export function roundTo(values: ArrayLike<number>, dtype: DType): Float64Array {
  return decode(encode(values, dtype), dtype)
}
