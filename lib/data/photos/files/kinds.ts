/** What the names of files say. */
import type { SourceFile } from './tree.ts'

/** True for names of pictures. In a class's folder any other file may be a picture, too. */
export const isPictureName = (name: string) =>
  /\.(jpe?g|jpe|jfif|png|webp|gif|bmp|tiff?|heic|avif)$/i.test(name)

/** True for a picture, and for what cannot be read and so may be one. */
export const isPicture = ({ name, fault }: Pick<SourceFile, 'name' | 'fault'>) =>
  isPictureName(name) || fault !== undefined

/** True for names of lists and notes. */
export const isTextName = (name: string) => /\.(txt|csv|tsv|lst|list)$/i.test(name)

/** True for names of tars that can be read in place. */
export const isTarName = (name: string) => /\.tar$/i.test(name)

/** A name without `.tar`. */
export const withoutTar = (name: string) => name.replace(/\.tar$/i, '')

/** True for names of archives that cannot be read in place. */
export const isArchiveName = (name: string) =>
  /\.(zip|rar|7z|t?gz|tbz2?|bz2|txz|xz|zst)$/i.test(name)

/** Hidden files, and those of operating systems, disks and notebooks. */
const hidden =
  /^(\..*|__MACOSX|@eaDir|#recycle|\$RECYCLE\.BIN|System Volume Information|Thumbs\.db|desktop\.ini|lost\+found)$/i

/** True for the name of one file or folder that is left out. */
export const isHidden = (name: string) => hidden.test(name)

/** First bytes, in hex, of compressed files. */
const compressed: readonly (readonly [string, string])[] = [
  ['fd377a585a00', 'xz'],
  ['1f8b', 'gzip'],
  ['28b52ffd', 'zstd'],
  ['425a68', 'bzip2'],
  ['504b0304', 'zip']
]

/** How a file that begins with these bytes is compressed. */
export function compressionOf(head: Buffer): string | undefined {
  return compressed.find(([mark]) => head.toString('hex').startsWith(mark))?.[1]
}
