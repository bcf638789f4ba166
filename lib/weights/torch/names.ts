/** The Python names that files of PyTorch may refer to. None of them is called: they stay data. */
import type { FileDtype } from '../../util/files/safetensors-header.ts'

/** Kinds of storage, by their class, and bytes of an element. */
export const storages: Readonly<Record<string, readonly [dtype: FileDtype, bytes: number]>> = {
  'torch DoubleStorage': ['f64', 8],
  'torch FloatStorage': ['f32', 4],
  'torch BFloat16Storage': ['bf16', 2],
  'torch HalfStorage': ['f16', 2],
  'torch LongStorage': ['i64', 8],
  'torch IntStorage': ['i32', 4],
  'torch ShortStorage': ['i16', 2],
  'torch CharStorage': ['i8', 1],
  'torch ByteStorage': ['u8', 1],
  'torch BoolStorage': ['bool', 1]
}

export const TENSOR = 'torch._utils _rebuild_tensor_v2'
export const PARAMETER = 'torch._utils _rebuild_parameter'

/** Dictionaries by class: their items are read as those of a plain one. */
export const dictionaries: readonly string[] = [
  'collections OrderedDict',
  'collections defaultdict'
]

/** What training programs keep beside the weights. It is read over. */
const beside: readonly string[] = [
  'argparse Namespace',
  'builtins int',
  'builtins float',
  'builtins list',
  'builtins dict',
  'collections Counter',
  'torch Size',
  'torch device',
  'torch dtype',
  ...['float16', 'bfloat16', 'float32', 'float64', 'int64', 'int32', 'uint8', 'bool'].map(
    (name) => `torch ${name}`
  ),
  'numpy dtype',
  'numpy ndarray',
  'numpy.core.multiarray scalar',
  'numpy._core.multiarray scalar',
  'numpy.core.multiarray _reconstruct',
  'numpy._core.multiarray _reconstruct',
  '_codecs encode'
]

export const allowed: readonly string[] = [
  ...Object.keys(storages),
  TENSOR,
  PARAMETER,
  ...dictionaries,
  ...beside
]

/** What to say of any other name. */
export function refusal(name: string): string {
  const [module = ''] = name.split(' ')
  if (module === 'torch._utils' || (module === 'torch' && name.endsWith('Storage'))) {
    return (
      `expected plain tensors of floats or integers, got '${name}': a quantized, sparse or complex one; ` +
      'write plain ones in PyTorch: torch.save({k: v.to_dense().float() for k, v in d.items()}, path)'
    )
  }
  return (
    `expected tensors in dictionaries, got '${name}': it holds objects of a program, and nothing of a program ` +
    "is run here. Where that program is, write the weights alone: torch.save(model.state_dict(), 'weights.pth')"
  )
}
