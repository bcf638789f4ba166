/** Makes the checksums and sizes of prepared sets right, whatever else a mutation changed in them. */
import { crc32 } from 'node:zlib'
import { isRecord, sha256, withJson } from './parts.ts'
import type { Files } from './reader.ts'

const HEADER = 512
const ENTRY = 32

/** Writes the checksum of each image, that of the index, and the size of the file. */
export function repairShard(files: Files, name: string): void {
  const shard = Buffer.from(files.get(name) ?? [])
  const from = shard.indexOf(10) + 1
  const end = shard.indexOf(10, from)
  if (from < 1 || end < 0 || end >= HEADER) return
  let header: unknown
  try {
    header = JSON.parse(shard.toString('utf8', from, end))
  } catch {
    return
  }
  if (!isRecord(header)) return
  const [images, names] = [Number(header.images), Number(header.names)]
  if (!(images >= 0 && images * ENTRY + names + HEADER <= shard.length)) return
  for (let i = 0; i < images; i++) {
    const at = HEADER + i * ENTRY
    const offset = Number(shard.readBigUInt64LE(at))
    const bytes = shard.subarray(offset, offset + shard.readUInt32LE(at + 8))
    shard.writeUInt32LE(crc32(bytes), at + 16)
  }
  const check = crc32(shard.subarray(HEADER, HEADER + images * ENTRY + names))
  const line = JSON.stringify({ ...header, bytes: shard.length, check })
  if (from + line.length >= HEADER) return
  shard.fill(' ', from, HEADER)
  shard.write(`${line}\n`, from)
  files.set(name, shard)
}

/** Writes the size and hash of each shard, and of the mean image. */
export function repairManifest(files: Files): void {
  withJson(files, 'dataset.json', (manifest) => {
    for (const part of [manifest.train, manifest.test]) {
      const list = isRecord(part) && Array.isArray(part.shards) ? part.shards : []
      for (const shard of list) {
        const bytes = isRecord(shard) ? files.get(String(shard.file)) : undefined
        if (bytes) Object.assign(shard, { bytes: bytes.length, sha256: sha256(bytes) })
      }
    }
    const { meanImage } = manifest
    const bytes = isRecord(meanImage) ? files.get(String(meanImage.file)) : undefined
    if (bytes && isRecord(meanImage)) meanImage.sha256 = sha256(bytes)
  })
}
