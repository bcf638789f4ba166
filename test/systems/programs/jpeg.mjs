// Makes a JPEG with sharp, which the package brings along.
import sharp from 'sharp'

await sharp(Buffer.from(Array.from({ length: 64 * 48 * 3 }, (_, i) => (i * 7) % 256)), {
  raw: { width: 64, height: 48, channels: 3 }
})
  .jpeg()
  .toFile(process.argv[2])
