// Odd photographs of every sort, made here with sharp.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type DecodeOptions, decodePhoto, PhotoError } from '../lib/data/photos/decode.ts'
import { loadSharp } from '../lib/data/photos/sharp.ts'

const sharp = await loadSharp()
const [height, width] = [60, 90]

/** Left half red, right half blue. */
function halves() {
  const pixels = new Uint8Array(height * width * 3)
  for (let i = 0; i < height * width; i++) pixels[3 * i + (i % width < width / 2 ? 0 : 2)] = 255
  return sharp(pixels, { raw: { height, width, channels: 3 } })
}

/** A pixel of a decoded photograph. */
async function pixel(photo: Uint8Array, x: number, y: number, fit: 'crop' | 'warp' = 'crop') {
  const { data, ...size } = await decodePhoto(photo, { size: 32, fit })
  t.same([size, data.length], [{ height: 32, width: 32 }, 32 * 32 * 3])
  return [...data.subarray((y * 32 + x) * 3, (y * 32 + x) * 3 + 3)]
}

async function size(photo: Uint8Array | string, options?: DecodeOptions) {
  const { height, width, data } = await decodePhoto(photo, options)
  return [height, width, data.length]
}

function near(t: Test, got: readonly number[], wanted: readonly number[], most = 12) {
  const far = got.findIndex((value, i) => Math.abs(value - (wanted[i] ?? 0)) > most)
  t.equal(far, -1, `${got} is near ${wanted}`)
}

t.test('JPEG, PNG and WebP come out as RGB of the size', async (t) => {
  for (const kind of ['jpeg', 'png', 'webp'] as const) {
    const photo = await halves().toFormat(kind).toBuffer()
    near(t, await pixel(photo, 2, 16), [255, 0, 0])
    near(t, await pixel(photo, 29, 16), [0, 0, 255])
  }
})

t.test('the short side gets the size and the centre is cut out, or all is warped', async (t) => {
  const wide = sharp(await halves().png().toBuffer())
    .extend({ left: 60, background: '#fff' })
    .png()
  const photo = await wide.toBuffer()
  near(t, await pixel(photo, 10, 16), [255, 0, 0])
  near(t, await pixel(photo, 10, 16, 'warp'), [255, 255, 255])
  t.same(await size(photo, { fit: 'keep' }), [60, 150, 60 * 150 * 3])
  t.same(await size(photo, { size: { height: 20, width: 40 } }), [20, 40, 2400])
  t.same(await size(photo), [256, 256, 256 * 256 * 3])
})

t.test('grey, CMYK, 16 bits, palettes, transparency and profiles', async (t) => {
  const plain = (background: string) =>
    sharp({ create: { width: 40, height: 40, channels: 3, background } })
  const grey = await plain('#808080').greyscale().jpeg().toBuffer()
  near(t, await pixel(grey, 9, 9), [128, 128, 128], 2)
  const cmyk = await plain('#c04020').toColourspace('cmyk').jpeg().toBuffer()
  t.equal((await sharp(cmyk).metadata()).space, 'cmyk')
  near(t, await pixel(cmyk, 9, 9), [192, 64, 32], 40)
  const deep = await plain('#c04020').toColourspace('rgb16').png().toBuffer()
  near(t, await pixel(deep, 9, 9), [192, 64, 32], 1)
  const palette = await plain('#c04020').png({ palette: true, colours: 4 }).toBuffer()
  near(t, await pixel(palette, 9, 9), [192, 64, 32], 2)
  const clear = await plain('#c04020').ensureAlpha(0).png().toBuffer()
  near(t, await pixel(clear, 9, 9), [255, 255, 255], 1)
  const profile = await plain('#c04020').withIccProfile('p3').jpeg().toBuffer()
  t.ok((await sharp(profile).metadata()).icc)
  near(t, await pixel(profile, 9, 9), [192, 64, 32], 3)
})

t.test("EXIF's rotation is applied", async (t) => {
  const upright = await halves().jpeg().toBuffer()
  const turned = await sharp(upright).withMetadata({ orientation: 6 }).toBuffer()
  // Turned to the right: what was at the left is above.
  near(t, await pixel(turned, 16, 2), [255, 0, 0])
  near(t, await pixel(turned, 16, 29), [0, 0, 255])
})

t.test('what cannot be used is named with the reason', async (t) => {
  const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const
  const create = { width: 300, height: 300, channels: 3, background: '#000', noise } as const
  const jpeg = await sharp({ create }).jpeg().toBuffer()
  const png = await sharp({ create }).png().toBuffer()
  const cases: readonly (readonly [Uint8Array, RegExp])[] = [
    [new Uint8Array(0), /^is empty \(0 bytes\)$/],
    [Buffer.from('not a picture'), /^is of no kind known here$/],
    [Buffer.from('<!DOCTYPE html><html>'), /^is a text/],
    [new Uint8Array(400), /^begins with zeros$/],
    [await sharp({ create }).gif().toBuffer(), /^is a GIF$/],
    [await sharp({ create }).tiff().toBuffer(), /^is a TIFF$/],
    [jpeg.subarray(0, jpeg.length >> 1), /^is truncated or damaged \(.*premature end/],
    [jpeg.subarray(0, 60), /^is truncated or damaged/],
    [png.subarray(0, png.length >> 1), /^is truncated or damaged/],
    // A size that is not the checksum's: the decoder gives no reason.
    [
      png.map((byte, i) => (i === 18 ? 9 : byte)),
      /^is trunc.* \(the \d+×300 pixels of a PNG cannot be read\)$/
    ]
  ]
  for (const [photo, reason] of cases) {
    const error = await decodePhoto(photo).catch((error: unknown) => error)
    t.ok(error instanceof PhotoError)
    if (error instanceof PhotoError) t.match(error.reason, reason)
  }
})

t.test('pictures that fail at the same time have reasons', async (t) => {
  // libvips has one text of errors for all threads: one takes the other's.
  const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const
  const create = { width: 200, height: 200, channels: 3, background: '#000', noise } as const
  const image = sharp({ create })
  const pictures = [
    await image.clone().jpeg().toBuffer(),
    await image.clone().png().toBuffer(),
    await image.clone().webp().toBuffer()
  ]
  const halves = Array.from({ length: 120 }, (_, i) => pictures[i % 3] ?? Buffer.alloc(0))
  const errors = await Promise.all(
    halves.map((photo) =>
      decodePhoto(photo.subarray(0, photo.length >> 1)).catch((error: unknown) => error)
    )
  )
  const reasons = errors.map((error) => (error instanceof PhotoError ? error.reason : 'none'))
  const formats = [/jpeg/i, /png/i, /webp/i]
  for (const [i, reason] of reasons.entries()) {
    t.match(reason, /^is truncated or damaged \((?!unknown).*[a-z]\)$/i)
    const others = formats.filter((_, format) => format !== i % 3)
    t.notOk(
      others.some((other) => other.test(reason)),
      `${reason}: its own`
    )
  }
})

t.test('pixel bombs and enormous files are refused', async (t) => {
  const create = { width: 2000, height: 1000, channels: 3, background: '#000' } as const
  const bomb = await sharp({ create }).png().toBuffer()
  t.ok(bomb.length < 10_000)
  await t.rejects(decodePhoto(bomb, { maxPixels: 1e6 }), {
    name: 'PhotoError',
    reason: 'has 2000×1000 pixels, more than 1000000 in all'
  })
  await t.resolves(decodePhoto(bomb, { maxPixels: 2e6, size: 8 }))
  const path = join(t.testdir(), 'bomb.png')
  await writeFile(path, bomb)
  const reason = `has ${bomb.length} bytes, more than 1000`
  for (const photo of [bomb, path]) {
    await t.rejects(decodePhoto(photo, { maxBytes: 1000 }), { name: 'PhotoError', reason })
  }
})

t.test('a path is read, and named where that fails', async (t) => {
  const folder = t.testdir({ 'a.jpg': 'text' })
  const path = join(folder, 'b.jpg')
  await writeFile(path, await halves().png().toBuffer())
  t.same(await size(path, { size: 8 }), [8, 8, 192], 'whatever its name says')
  await t.rejects(decodePhoto(join(folder, 'a.jpg')), {
    message: `[photos] ${folder}/a.jpg: expected a JPEG, PNG or WebP picture, got one that is of no kind known here`
  })
  await t.rejects(decodePhoto(join(folder, 'gone.jpg')), {
    name: 'DiskError',
    message: `[photos] cannot read ${folder}/gone.jpg: it or its parent folder does not exist (ENOENT); check the path, or make the folder first`
  })
})

t.test('without sharp, an error that says what to install', async (t) => {
  const absent = Object.assign(new Error('no'), { code: 'ERR_MODULE_NOT_FOUND' })
  await t.rejects(
    loadSharp(() => Promise.reject(absent)),
    {
      name: 'DataError',
      message:
        '[photos] expected the package sharp, which decodes photographs, got none;' +
        ' install it: npm install --include=optional sharp'
    }
  )
  await t.rejects(
    loadSharp(() => Promise.reject(new Error('\nCould not load\nmore'))),
    {
      message: /got one that does not load \(Could not load\);/
    }
  )
})
