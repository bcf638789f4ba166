import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { version } from '../native/version.ts'
import { digestFile, type FileDigest } from '../util/files/bytes.ts'
import { DamagedFileError, diskError } from '../util/files/errors.ts'
import { isJsonObject, type Json, readJson } from '../util/files/json.ts'
import { cut, shown } from '../util/foreign.ts'

const FORMAT = 'alexnode checkpoint'
const FORMAT_VERSION = 1

/** The name of the manifest in its folder. */
export const MANIFEST = 'manifest.json'

/** The manifest of a checkpoint: what its folder must hold. */
export interface Manifest {
  readonly format: string
  /** The version of the format. This package reads its own and older ones. */
  readonly version: number
  /** The version of alexnode that wrote it. */
  readonly alexnode: string
  readonly step: number
  /** Size and SHA-256 of each file, by name. */
  readonly files: Readonly<Record<string, FileDigest>>
}

/** Makes the manifest of a new checkpoint. */
export function makeManifest(step: number, files: Manifest['files']): Manifest {
  return { format: FORMAT, version: FORMAT_VERSION, alexnode: version, step, files }
}

/**
 * Reads the manifest of a folder and checks every file against it.
 *
 * @param needed files that must be listed
 * @param options `hash: false` compares sizes only
 * @throws DamagedFileError when the manifest or a file was altered
 * @throws Error when a newer alexnode wrote it
 */
export async function verifyFolder(
  folder: string,
  needed: readonly string[],
  { hash = true }: { readonly hash?: boolean } = {}
): Promise<Manifest> {
  const manifest = decode(folder, await readJson(join(folder, MANIFEST)))
  for (const name of needed) {
    if (!Object.hasOwn(manifest.files, name)) {
      damaged(folder, `${name} in ${MANIFEST}`, Object.keys(manifest.files).join(', ') || 'nothing')
    }
  }
  for (const [name, expected] of Object.entries(manifest.files)) {
    const path = join(folder, name)
    const bytes = await sizeOf(path)
    if (bytes !== expected.bytes) damaged(folder, `${name} of ${expected.bytes} bytes`, `${bytes}`)
    if (!hash) continue
    const { sha256 } = await digestFile(path)
    if (sha256 !== expected.sha256) {
      damaged(folder, `${name} with SHA-256 ${cut(expected.sha256)}`, sha256)
    }
  }
  return manifest
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    throw diskError('checkpoint', 'read', path, error)
  }
}

function decode(folder: string, json: Json): Manifest {
  if (!isJsonObject(json) || json.format !== FORMAT) {
    damaged(folder, `${MANIFEST} of format "${FORMAT}"`, 'something else')
  }
  const { format, version: written, alexnode, step, files } = json
  if (typeof written === 'number' && written > FORMAT_VERSION) {
    throw new Error(
      `[checkpoint] ${folder}: expected format version ${FORMAT_VERSION} or less, got ${written}, ` +
        `written by alexnode ${shown(alexnode)}; install that version or a newer one`
    )
  }
  if (written !== FORMAT_VERSION || typeof alexnode !== 'string' || !isCount(step)) {
    const got = shown({ version: written, alexnode, step })
    damaged(folder, `${MANIFEST} with version, alexnode and step`, got)
  }
  if (files === undefined || !isJsonObject(files))
    damaged(folder, `files in ${MANIFEST}`, shown(files))
  const digests = Object.entries(files).map(([name, value]): [string, FileDigest] => {
    const entry = isJsonObject(value) ? value : {}
    const { bytes, sha256 } = entry
    if (!/^\w[\w.-]*$/.test(name)) damaged(folder, 'plain file names', shown(name))
    if (!isCount(bytes) || typeof sha256 !== 'string') {
      damaged(folder, `bytes and sha256 of ${name} in ${MANIFEST}`, shown(value))
    }
    return [name, { bytes, sha256 }]
  })
  return { format, version: written, alexnode, step, files: Object.fromEntries(digests) }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

/** @throws DamagedFileError always */
export function damaged(folder: string, expected: string, got: string): never {
  throw new DamagedFileError(
    `[checkpoint] ${folder}: expected ${expected}, got ${got}; ` +
      'it is damaged: use the checkpoint before it, or another copy'
  )
}
