/**
 * What a binary was built for and whether it is whole, from its first 64 bytes. glibc's loader says only "no
 * such file" of a binary for another machine, and one that is cut short may end the process.
 * Formats: System V ABI (ELF), Apple's mach-o/loader.h, Microsoft's PE.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

export interface Binary {
  /** Such as linux-x64, in the words of process.platform and process.arch; undefined: no binary. */
  readonly target: string | undefined
  /** Whether the file is as long as it says. */
  readonly whole: boolean
}

const HEADER = 64

const elfMachines: Readonly<Record<number, string>> = {
  3: 'ia32',
  21: 'ppc64',
  22: 's390x',
  40: 'arm',
  62: 'x64',
  183: 'arm64',
  243: 'riscv64',
  258: 'loong64'
}
const machMachines: Readonly<Record<number, string>> = { 16777223: 'x64', 16777228: 'arm64' }

/** @throws the system's error where the file cannot be read */
export function readBinary(file: string): Binary {
  const header = new Uint8Array(HEADER)
  const handle = openSync(file, 'r')
  let size: number
  try {
    size = fstatSync(handle).size
    if (readSync(handle, header) < HEADER) return { target: undefined, whole: false }
  } finally {
    closeSync(handle)
  }
  const view = new DataView(header.buffer)
  const magic = view.getUint32(0)
  if (magic === 0x7f454c46) {
    const littleEndian = header[5] === 1
    const machine = view.getUint16(18, littleEndian)
    const target = `linux-${elfMachines[machine] ?? `machine${machine}`}`
    if (header[4] !== 2) return { target, whole: true }
    // The table of sections lies at the end of the file.
    const sections = Number(view.getBigUint64(40, littleEndian))
    const bytes = view.getUint16(58, littleEndian) * view.getUint16(60, littleEndian)
    return { target, whole: sections + bytes <= size }
  }
  if (magic === 0xcffaedfe) {
    const machine = view.getUint32(4, true)
    return { target: `darwin-${machMachines[machine] ?? `machine${machine}`}`, whole: true }
  }
  if (magic === 0xcafebabe) return { target: `darwin-${process.arch}`, whole: true }
  return { target: view.getUint16(0) === 0x4d5a ? 'win32' : undefined, whole: true }
}
