/**
 * Reads from a binary's header what it was built for and if it is complete. glibc's loader reports "no such file" for
 * a binary of another machine, and a truncated one may crash the process. Formats: System V ABI (ELF), Apple's
 * mach-o/loader.h, Microsoft's PE.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/** What the header tells. */
export interface Binary {
  /** Platform and architecture, such as linux-x64; undefined for other files. */
  readonly target: string | undefined
  /** False if the file is shorter than its header says. */
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

/**
 * Reads the header of a file.
 * @throws the system's error if the file cannot be read
 */
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
    // The table of sections is at the end of the file.
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
