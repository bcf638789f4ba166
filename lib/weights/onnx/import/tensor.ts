/** Tensors of an ONNX file: what they are, and where their values lie. */
import { toFloats } from '../../../util/files/floats.ts'
import { type Message, readSpan, type Span } from '../../../util/files/protobuf.ts'
import type { FileDtype } from '../../../util/files/safetensors-header.ts'
import { Tensor, TensorType } from '../schema.ts'
import { damaged, type Label, unsupported } from './errors.ts'

/** A tensor of a file, whose values are read when they are asked for. */
export interface OnnxTensor {
  readonly name: string
  readonly dtype: FileDtype
  readonly shape: readonly number[]
  readonly elements: number
  /** The values as f32. */
  read(): Promise<Float32Array>
  /** The numbers of a short list, such as a shape or a single factor. */
  readonly few: readonly number[] | undefined
}

const DTYPES: Readonly<Record<number, readonly [dtype: FileDtype, bytes: number]>> = {
  [TensorType.f32]: ['f32', 4],
  [TensorType.f64]: ['f64', 8],
  [TensorType.f16]: ['f16', 2],
  [TensorType.bf16]: ['bf16', 2],
  [TensorType.i64]: ['i64', 8],
  [TensorType.i32]: ['i32', 4]
}
/** Values that a file keeps as varints, one by one: f16 without raw data. */
const MOST_VARINTS = 1 << 20
/** Whole numbers are shapes, axes and the like. */
const MOST_INTEGERS = 1 << 10
/** A factor, or a constant of a Pad. */
const MOST_FLOATS = 1
const MOST_DIMS = 16

/** Reads what a TensorProto says. */
export async function tensorOf(
  message: Message,
  label: Label,
  given?: string
): Promise<OnnxTensor> {
  const name = given ?? (await message.text(Tensor.name)) ?? ''
  const where = `tensor '${name}'`
  const type = message.integer(Tensor.type) ?? 0
  const known = DTYPES[type]
  if (!known) {
    unsupported(label, where, `of type ${type}`, 'f32, f64, f16, bf16, or i64 and i32 for shapes')
  }
  const [dtype, size] = known
  if (message.integer(Tensor.location) === 1 || message.has(Tensor.external)) {
    unsupported(label, where, 'with its values in another file', 'a model in one file')
  }
  const shape = await message.numbers(Tensor.dims, 'varint', MOST_DIMS)
  const elements = shape.reduce((product, extent) => product * extent, 1)
  if (shape.some((extent) => extent < 0) || !Number.isSafeInteger(elements)) {
    damaged(label, `${where}: a shape of sizes from 0`, `[${shape}]`)
  }
  const check = (bytes: number) => {
    if (bytes === elements * size) return
    damaged(label, `${where}: ${elements * size} bytes for ${dtype} [${shape}]`, `${bytes}`)
  }
  const whole = dtype === 'i64' || dtype === 'i32'
  const span = spanOf(message, dtype)
  if (span) check(span.length)
  const facts = { name, dtype, shape, elements }
  if (span) {
    const read = async () => toFloats(dtype, await readSpan('onnx', label.path, span))
    const isShort = elements <= (whole ? MOST_INTEGERS : MOST_FLOATS)
    const bytes = isShort ? await message.bytes(fieldOf(message, dtype)) : undefined
    return { ...facts, read, few: bytes && [...toFloats(dtype, bytes)] }
  }
  const values = await storedSingly(message, dtype, elements)
  check(values.length * size)
  return {
    ...facts,
    read: async () => values,
    few: elements <= MOST_INTEGERS ? [...values] : undefined
  }
}

/** The field of values that are stored as they are in memory; raw data goes first. */
function fieldOf(message: Message, dtype: FileDtype): number {
  return dtype === 'f32' && !message.has(Tensor.raw)
    ? Tensor.floats
    : dtype === 'f64' && !message.has(Tensor.raw)
      ? Tensor.doubles
      : Tensor.raw
}

function spanOf(message: Message, dtype: FileDtype): Span | undefined {
  const field = fieldOf(message, dtype)
  return message.isPacked(field) ? message.span(field) : undefined
}

/** Values that are stored one by one, or as varints. */
async function storedSingly(
  message: Message,
  dtype: FileDtype,
  elements: number
): Promise<Float32Array> {
  const most = Math.min(elements, MOST_VARINTS)
  if (dtype === 'f32') return Float32Array.from(await message.numbers(Tensor.floats, 'float', most))
  if (dtype === 'f64') {
    return Float32Array.from(await message.numbers(Tensor.doubles, 'double', most))
  }
  if (dtype === 'i64')
    return Float32Array.from(await message.numbers(Tensor.int64s, 'varint', most))
  const values = await message.numbers(Tensor.int32s, 'varint', most)
  if (dtype === 'i32') return Float32Array.from(values)
  return toFloats(dtype, new Uint8Array(Uint16Array.from(values).buffer))
}
