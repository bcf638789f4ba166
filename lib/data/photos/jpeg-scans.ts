/**
 * Tells whether a progressive JPEG has all its scans, so that one which lacks only its end marker can be used. Each scan
 * brings some coefficients of some components down to a bit (ITU-T T.81, G.1.1 and B.2.3); a picture is whole when all
 * coefficients of all components came down to bit 0. Decoders do not tell: they show what is there.
 */

const COEFFICIENTS = 64

/** True if the scans of a progressive JPEG bring every coefficient to its last bit. */
export function hasAllScans(bytes: Uint8Array): boolean {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  /** By component: the lowest bit of each coefficient. */
  const bits = new Map<number, Uint8Array>()
  for (let at = 2; at + 4 <= view.length; ) {
    if (view[at] !== 0xff) return false
    const marker = view[at + 1] ?? 0
    if (marker === 0xff) {
      at++
      continue
    }
    if (marker === 0xd9) break
    const length = view.readUInt16BE(at + 2)
    const body = view.subarray(at + 4, at + 2 + length)
    at += 2 + length
    if (marker === 0xc2) {
      for (let i = 0; i < (body[5] ?? 0); i++) {
        bits.set(body[6 + 3 * i] ?? 0, new Uint8Array(COEFFICIENTS).fill(0xff))
      }
    }
    if (marker !== 0xda) continue
    const count = body[0] ?? 0
    const [from = 0, to = 0, approximation = 0] = body.subarray(1 + 2 * count)
    for (let i = 0; i < count; i++) {
      bits.get(body[1 + 2 * i] ?? 0)?.fill(approximation & 15, from, to + 1)
    }
    at = endOfScan(view, at)
  }
  return bits.size > 0 && [...bits.values()].every((of) => of.every((bit) => bit === 0))
}

/** The next marker that is no part of a scan's data: those are stuffed zeros and restarts. */
function endOfScan(view: Buffer, from: number): number {
  for (let at = view.indexOf(0xff, from); at >= 0; at = view.indexOf(0xff, at + 1)) {
    const next = view[at + 1] ?? 0
    if (next !== 0 && (next < 0xd0 || next > 0xd7)) return at
  }
  return view.length
}
