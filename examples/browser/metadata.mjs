/**
 * Reads the metadata of an ONNX file: onnxruntime-web does not tell it. A file is a message of protobuf, whose field 14
 * holds entries of a key (1) and a value (2).
 */
const ENTRIES = 14

/** @returns {Record<string, string>} values by their keys */
export function metadataOf(bytes) {
  const found = {}
  for (const [number, entry] of fields(bytes)) {
    if (number !== ENTRIES) continue
    const texts = new Map()
    for (const [key, value] of fields(entry)) texts.set(key, new TextDecoder().decode(value))
    found[texts.get(1) ?? ''] = texts.get(2) ?? ''
  }
  return found
}

/** The fields of a message that hold bytes; others are passed over. */
function* fields(bytes) {
  let at = 0
  const varint = () => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++]
      if (byte === undefined) throw new Error('net.onnx is cut short')
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
  }
  while (at < bytes.length) {
    const tag = varint()
    const type = tag % 8
    if (type === 0) varint()
    else if (type === 1) at += 8
    else if (type === 5) at += 4
    else if (type === 2) {
      const length = varint()
      if (at + length > bytes.length) throw new Error('net.onnx is cut short')
      yield [Math.floor(tag / 8), bytes.subarray(at, at + length)]
      at += length
    } else throw new Error('net.onnx is damaged')
  }
}
