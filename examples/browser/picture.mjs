/**
 * Brings a picture to the size that a net reads, as `alexnode` does it by sharp: large JPEGs are first averaged over
 * blocks, then the Lanczos filter makes a picture smaller, and the cubic one larger, rows before columns. A run with
 * the filter 'bilinear' scales as Pillow does. Browsers scale in other ways, each in its own.
 */

/** Decodes a file, turned as EXIF says, on white, its colours in sRGB or as they are stored. */
export async function decode(file, { photograph }) {
  const bitmap = await createImageBitmap(file, {
    imageOrientation: 'from-image',
    colorSpaceConversion: photograph.colours === 'srgb' ? 'default' : 'none'
  })
  const { width, height } = bitmap
  const canvas = new OffscreenCanvas(width, height)
  const context = canvas.getContext('2d', { willReadFrequently: true })
  context.fillStyle = '#fff'
  context.fillRect(0, 0, width, height)
  context.drawImage(bitmap, 0, 0)
  bitmap.close()
  const rgba = context.getImageData(0, 0, width, height).data
  const data = new Uint8Array(width * height * 3)
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) data[i * 3 + c] = rgba[i * 4 + c]
  }
  return { data, width, height, type: file.type }
}

/**
 * @param picture of `decode`
 * @param preprocessing of the file's metadata
 * @returns {{ data: Uint8Array, height: number, width: number, channels: number }} [row, column, channel]
 */
export function prepared(picture, { photograph, input, channels }) {
  const stored =
    photograph.filter === 'bilinear' ? bilinear(picture, photograph) : fitted(picture, photograph)
  const coloured =
    input.fit === 'crop' ? cut(stored, input.top, input.left, input.height, input.width) : stored
  if (channels === 'RGB') return { ...coloured, channels: 3 }
  const { data, height, width } = coloured
  const luma = Uint8Array.from({ length: height * width }, (_, i) =>
    Math.round(0.299 * data[i * 3] + 0.587 * data[i * 3 + 1] + 0.114 * data[i * 3 + 2])
  )
  return { data: luma, height, width, channels: 1 }
}

/** Scales a picture so that it covers a size, and keeps the middle; 'warp' scales both sides to it. */
function fitted(picture, { fit, height, width }) {
  const shrinks = ({ width: w, height: h }) => {
    const [x, y] = [w / width, h / height]
    return fit === 'warp' ? [x, y] : [Math.min(x, y), Math.min(x, y)]
  }
  const least = Math.min(...shrinks(picture))
  // A JPEG is decoded at 1/2, 1/4 or 1/8 of its size where it stays larger than that.
  const fitting = [8, 4, 2].find((factor) => factor <= least) ?? 1
  const decoded = Math.floor(least) === fitting ? Math.max(1, fitting / 2) : fitting
  const first =
    picture.type === 'image/jpeg'
      ? averaged(picture, decoded, decoded, Math.floor)
      : picture.type === 'image/webp' && least > 1
        ? shrunk(picture, Math.round(picture.width / least), Math.round(picture.height / least))
        : picture
  const [x, y] = shrinks(first)
  const scaled = reducedAcross(reducedDown(first, y), x)
  const left = Math.floor((scaled.width - width + 1) / 2)
  const top = Math.floor((scaled.height - height + 1) / 2)
  return cut(scaled, top, left, height, width)
}

/** Scales as Pillow's BILINEAR does, to the sizes and the middle of torchvision's Resize and CenterCrop. */
function bilinear(picture, { fit, height, width }) {
  const { width: w, height: h } = picture
  const [columns, rows] =
    fit === 'warp'
      ? [width, height]
      : w * height <= h * width
        ? [width, Math.max(height, Math.floor((width * h) / w))]
        : [Math.max(width, Math.floor((height * w) / h)), height]
  const narrow = w === columns ? picture : filteredAcross(picture, triangles(w, columns))
  const scaled = h === rows ? narrow : filteredDown(narrow, triangles(h, rows))
  return cut(scaled, toEven((rows - height) / 2), toEven((columns - width) / 2), height, width)
}

/** The nearest whole number, the even one of two. */
function toEven(value) {
  const below = Math.floor(value)
  return value - below === 0.5 ? below + (below % 2) : Math.round(value)
}

/** Triangles as wide as the pixels of the smaller picture, cut at its edges, in multiples of 2^-22. */
function triangles(from, to) {
  const scale = from / to
  const spread = Math.max(scale, 1)
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale
    const first = Math.max(0, Math.trunc(centre - spread + 0.5))
    const last = Math.min(from, Math.trunc(centre + spread + 0.5))
    const shares = Array.from({ length: last - first }, (_, k) =>
      Math.max(0, 1 - Math.abs((k + first - centre + 0.5) / spread))
    )
    const sum = shares.reduce((total, share) => total + share, 0)
    return {
      first,
      weights: shares.map((share) => Math.floor(0.5 + (share / sum) * 2 ** 22) / 2 ** 22)
    }
  })
}

function cut({ data, width }, top, left, rows, columns) {
  const out = new Uint8Array(rows * columns * 3)
  for (let y = 0; y < rows; y++) {
    const from = ((top + y) * width + left) * 3
    out.set(data.subarray(from, from + columns * 3), y * columns * 3)
  }
  return { data: out, height: rows, width: columns }
}

/** The mean over blocks of pixels. */
function averaged(picture, columns, rows, round = Math.ceil) {
  if (columns === 1 && rows === 1) return picture
  const width = round(picture.width / columns)
  const height = round(picture.height / rows)
  const data = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) {
        let sum = 0
        for (let v = 0; v < rows; v++) {
          const row = Math.min(y * rows + v, picture.height - 1)
          for (let u = 0; u < columns; u++) {
            const column = Math.min(x * columns + u, picture.width - 1)
            sum += picture.data[(row * picture.width + column) * 3 + c]
          }
        }
        data[(y * width + x) * 3 + c] = Math.round(sum / (rows * columns))
      }
    }
  }
  return { data, width, height }
}

/** The mean over areas, as WebP's decoder makes a picture smaller. */
function shrunk({ data, width, height }, columns, rows) {
  const along = (from, to) =>
    Array.from({ length: to }, (_, i) => {
      const [begin, end] = [(i * from) / to, ((i + 1) * from) / to]
      const first = Math.floor(begin)
      const weights = []
      for (let at = first; at < end; at++) {
        weights.push((Math.min(at + 1, end) - Math.max(at, begin)) * (to / from))
      }
      return { first, weights }
    })
  const wide = filteredDown({ data, width, height }, along(height, rows))
  return filteredAcross(wide, along(width, columns))
}

/** sinc(x) · sinc(x / 3), for |x| < 3. */
function lanczos3(x) {
  if (x === 0) return 1
  if (Math.abs(x) >= 3) return 0
  const angle = Math.PI * x
  return (3 * Math.sin(angle) * Math.sin(angle / 3)) / angle ** 2
}

/** Keys's cubic function, for |x| < 2. */
function cubic(x) {
  const at = Math.abs(x)
  if (at >= 2) return 0
  return at < 1 ? 1.5 * at ** 3 - 2.5 * at ** 2 + 1 : -0.5 * at ** 3 + 2.5 * at ** 2 - 4 * at + 2
}

/**
 * How a length becomes `shrink` times shorter, or longer by the cubic filter: a mean over so many places first, then, by place of the result, the
 * first place that it reads, and the weights from there on.
 */
function reduction(length, shrink) {
  const to = Math.round(length / shrink)
  const block = Math.max(1, Math.floor(length / to / 2))
  const scale = shrink / block
  const longer = shrink < 1
  const reach = longer ? 2 : 3 * scale
  const weight = longer ? cubic : (x) => lanczos3(x / scale)
  const beyond = (to * shrink - length) / block
  const taps = Array.from({ length: to }, (_, i) => {
    const centre = longer ? i * scale - 0.5 : (i + 0.5) * scale - 0.5 - beyond / 2
    const first = Math.ceil(centre - reach)
    const last = Math.floor(centre + reach)
    const weights = []
    for (let at = first; at <= last; at++) weights.push(weight(at - centre))
    const sum = weights.reduce((total, weight) => total + weight, 0)
    return { first, weights: weights.map((weight) => weight / sum) }
  })
  return { block, taps }
}

const inside = (at, length) => Math.min(Math.max(at, 0), length - 1)

function byte(value) {
  return Math.min(Math.max(Math.round(value), 0), 255)
}

function reducedDown(picture, shrink) {
  if (shrink === 1) return picture
  const { block, taps } = reduction(picture.height, shrink)
  return filteredDown(averaged(picture, 1, block), taps)
}

function reducedAcross(picture, shrink) {
  if (shrink === 1) return picture
  const { block, taps } = reduction(picture.width, shrink)
  return filteredAcross(averaged(picture, block, 1), taps)
}

function filteredDown({ data, width, height }, taps) {
  const out = new Uint8Array(taps.length * width * 3)
  for (const [y, { first, weights }] of taps.entries()) {
    for (let x = 0; x < width * 3; x++) {
      let sum = 0
      for (const [k, weight] of weights.entries()) {
        sum += weight * data[inside(first + k, height) * width * 3 + x]
      }
      out[y * width * 3 + x] = byte(sum)
    }
  }
  return { data: out, width, height: taps.length }
}

function filteredAcross({ data, width, height }, taps) {
  const columns = taps.length
  const out = new Uint8Array(height * columns * 3)
  for (const [x, { first, weights }] of taps.entries()) {
    for (let y = 0; y < height; y++) {
      for (let c = 0; c < 3; c++) {
        let sum = 0
        for (const [k, weight] of weights.entries()) {
          sum += weight * data[(y * width + inside(first + k, width)) * 3 + c]
        }
        out[(y * columns + x) * 3 + c] = byte(sum)
      }
    }
  }
  return { data: out, width: columns, height }
}
