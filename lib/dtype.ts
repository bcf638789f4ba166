/** Element types: names, sizes, and the typed arrays that hold them on the JavaScript side. */

/** bf16 is the upper half of an f32; it travels in a Uint16Array. */
export type DType = 'f32' | 'bf16' | 'u8' | 'i32' | 'u32'
export type TypedArray = Float32Array | Uint16Array | Uint8Array | Int32Array | Uint32Array

const sizes: Record<DType, number> = { f32: 4, bf16: 2, u8: 1, i32: 4, u32: 4 }

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
