/** Makes small pictures and tars of them for tests. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pack } from 'tar-stream'
import { loadSharp } from '../lib/data/photos/sharp.ts'

/** A picture of noise around a colour: no two seeds are alike, and it does not pack to nothing. */
export async function picture(
  seed: number,
  { width = 48, height = 40, kind = 'jpeg' as 'jpeg' | 'png' | 'webp' } = {}
): Promise<Buffer> {
  const sharp = await loadSharp()
  const pixels = new Uint8Array(width * height * 3)
  let state = (seed + 1) * 2654435761
  for (let i = 0; i < pixels.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    pixels[i] = ((seed * 37 + (i % 3) * 60) % 192) + (state >>> 26)
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .toFormat(kind)
    .toBuffer()
}

/** Files by name, in folders that are made. Returns the folder. */
export async function writeFiles(
  folder: string,
  files: Readonly<Record<string, Uint8Array | string>>
): Promise<string> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, content)
  }
  return folder
}

/** Classes of pictures: { 'a/0.jpg': …, … }. */
export async function classFiles(
  counts: Readonly<Record<string, number>>,
  first = 0
): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {}
  let seed = first
  for (const [name, count] of Object.entries(counts)) {
    for (let i = 0; i < count; i++) files[`${name}/${i}.jpg`] = await picture(seed++)
  }
  return files
}

/** A tar's bytes. */
export async function tarOf(files: Readonly<Record<string, Uint8Array | string>>): Promise<Buffer> {
  const tar = pack()
  for (const [name, content] of Object.entries(files)) tar.entry({ name }, Buffer.from(content))
  tar.finalize()
  const parts: Uint8Array[] = []
  for await (const part of tar) if (part instanceof Uint8Array) parts.push(part)
  return Buffer.concat(parts)
}
