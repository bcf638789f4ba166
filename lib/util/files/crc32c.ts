/**
 * CRC-32C (Castagnoli), which frames the records of event files. Node's zlib has the other CRC-32; packages that have
 * this one are native, unkept, or bring six others.
 * Source: RFC 3720, appendix B.4
 */

/** The polynomial 0x1EDC6F41, its bits reversed. */
const POLYNOMIAL = 0x82f63b78

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
  return crc
})

/** The CRC-32C of bytes that come in parts, as a whole number from 0. */
export function crc32c(parts: Iterable<Uint8Array>): number {
  let crc = 0xffffffff
  for (const part of parts) {
    for (let i = 0; i < part.length; i++) {
      crc = (table[(crc ^ (part[i] ?? 0)) & 255] ?? 0) ^ (crc >>> 8)
    }
  }
  return ~crc >>> 0
}

/**
 * The masked CRC-32C of TFRecord files: a CRC of bytes that hold CRCs themselves would be weak.
 * Source: tensorflow/core/lib/hash/crc32c.h
 */
export function maskedCrc32c(parts: Iterable<Uint8Array>): number {
  const crc = crc32c(parts)
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}
