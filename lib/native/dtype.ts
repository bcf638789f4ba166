/** Element types: names, sizes, typed arrays, and the conversion of numbers. */

import { fromBf16, fromF16, toBf16, toF16 } from './half.ts'

/** Element type of a tensor. bf16 is the upper half of an f32, f16 is IEEE binary16; a Uint16Array holds both. */
export type DType = 'f32' | 'bf16' | 'f16' | 'u8' | 'i32' | 'u32'
/** Element types that nets compute in. */
export type FloatDType = 'f32' | 'bf16' | 'f16'

/** Elements on the JavaScript side; bf16 and f16 are bit patterns in a Uint16Array. */
export type TypedArray = Float32Array | Uint16Array | Uint8Array | Int32Array | Uint32Array

const sizes: Record<DType, number> = { f32: 4, bf16: 2, f16: 2, u8: 1, i32: 4, u32: 4 }

/** All element types. */
export const dtypes: readonly DType[] = ['f32', 'bf16', 'f16', 'u8', 'i32', 'u32']

/** Element types that nets compute in. */
export const floatDTypes: readonly FloatDType[] = ['f32', 'bf16', 'f16']

/** True for element types that nets compute in. */
export function isFloat(dtype: DType): dtype is FloatDType {
  return dtype === 'f32' || dtype === 'bf16' || dtype === 'f16'
}

/** Bytes of one element. */
export function dtypeBytes(dtype: DType): number {
  return sizes[dtype]
}

/** Views a buffer as elements of `dtype`. */
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

/** Converts numbers to elements of `dtype`. Floats are rounded to nearest even; integers wrap modulo 2^bits. */
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

/** Converts elements of `dtype` to numbers; exact. */
export function decode(elements: TypedArray, dtype: DType): Float64Array {
  if (!(elements instanceof Uint16Array)) return Float64Array.from(elements)
  return Float64Array.from(dtype === 'f16' ? fromF16(elements) : fromBf16(elements))
}

/** Rounds numbers to values of `dtype`. */
export function roundTo(values: ArrayLike<number>, dtype: DType): Float64Array {
  return decode(encode(values, dtype), dtype)
}
