/**
 * Reads PyTorch's files of weights (.pth, .pt): a zip archive with a pickle that describes tensors, and their bytes.
 * The pickle is read as data. Format: PyTorch, torch/serialization.py and torch/_utils.py.
 */
import { DamagedFileError } from '../../util/files/errors.ts'
import { readPickle } from '../../util/files/pickle.ts'
import { readStored, type ZipEntry } from '../../util/files/zip-list.ts'
import type { FileBegin, WeightsFile } from '../format.ts'
import { allowed, refusal } from './names.ts'
import { stateDictOf } from './state-dict.ts'
import { tensorOf } from './tensor.ts'

/** Largest pickle in bytes. That of a net of a thousand tensors with its optimizer has .3 MiB. */
const LARGEST = 4 << 20

/** The magic number that begins PyTorch's files of before 1.6, as a pickle. */
const LEGACY = Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex')

/** Python that reads any file of PyTorch and writes the state dict as this reads it. */
const converts = (path: string, load: string) =>
  `convert it where PyTorch is: python -c "import torch; torch.save(${load.replace('FILE', `'${path}'`)}, ` +
  `'weights.pth')"`

/** Says that a file is of PyTorch, where it is one of its formats that are not read. */
export function refuseOldTorch({ path, bytes }: FileBegin): void {
  const legacy = LEGACY.equals(bytes.subarray(0, LEGACY.length))
  // A tar archive, whose first members have these names: PyTorch before 0.1.10.
  const first = Buffer.from(bytes.subarray(0, 100)).toString('latin1').split('\0')[0] ?? ''
  const isTar = Buffer.from(bytes.subarray(257, 262)).toString('latin1') === 'ustar'
  const tar = isTar && ['storages', 'tensors', 'pickle', 'sys_info'].includes(first)
  if (!legacy && !tar) return
  throw new DamagedFileError(
    `[torch] ${path}: expected PyTorch's zip format, got its old one (${tar ? 'tar, before 0.1.10' : 'before 1.6'}); ` +
      converts(path, "torch.load(FILE, map_location='cpu')")
  )
}

/** Whether an archive is of PyTorch. */
export function isTorch(entries: ReadonlyMap<string, ZipEntry>): boolean {
  return pickleIn(entries) !== undefined
}

const pickleIn = (entries: ReadonlyMap<string, ZipEntry>) =>
  [...entries.keys()].find((name) => /^(?:[^/]+\/)?data\.pkl$/.test(name))

/**
 * Reads an archive that `isTorch`.
 * @throws DamagedFileError for TorchScript, for what is no state dict, and for a damaged file
 */
export async function readTorch(
  { path, size }: FileBegin,
  entries: ReadonlyMap<string, ZipEntry>
): Promise<WeightsFile> {
  const name = pickleIn(entries) ?? 'data.pkl'
  const root = name.slice(0, -'data.pkl'.length)
  if (entries.has(`${root}constants.pkl`)) {
    throw new DamagedFileError(
      `[torch] ${path}: expected a state dict, got a program of TorchScript; ` +
        converts(path, "torch.jit.load(FILE, map_location='cpu').state_dict()")
    )
  }
  const fail = (expected: string, got: string): never => {
    throw new DamagedFileError(`[torch] ${path}: expected ${expected}, got ${got}`)
  }
  const entry = entries.get(name)
  if (!entry) return fail('data.pkl', 'none')
  if (entry.bytes > LARGEST) fail(`a pickle of at most ${LARGEST} bytes`, `${entry.bytes}`)
  const order = entries.get(`${root}byteorder`)
  if (order && order.bytes < 16) {
    const text = Buffer.from(await readStored('torch', path, order)).toString('latin1')
    if (text !== 'little') fail('little-endian values', text === 'big' ? 'big-endian' : 'others')
  }
  const pickle = await readStored('torch', path, entry)
  const value = readPickle(pickle, { name: path, allowed, refusal })
  const { tensors, metadata, notes } = stateDictOf(path, value)
  const archive = { path, root, entries }
  return {
    path,
    format: 'pytorch',
    bytes: size,
    tensors: new Map(
      [...tensors].map(([name, call]) => [name, tensorOf(archive, name, call)] as const)
    ),
    metadata,
    notes
  }
}
