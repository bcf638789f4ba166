/** Finds the files that a list names. */
import { isPictureName } from '../files/kinds.ts'
import { plain } from '../files/tar.ts'
import type { SourceFile } from '../files/tree.ts'

/** Files by the paths that lists write for them. */
export class FileFinder {
  readonly #files = new Map<string, SourceFile>()
  readonly #places: readonly string[]

  /** @param places folders that paths may be relative to, the likely ones first; they end with a slash */
  constructor(files: readonly SourceFile[], places: readonly string[]) {
    this.#places = [...new Set(['', ...places])]
    const stems = new Map<string, SourceFile | undefined>()
    for (const file of files) {
      this.#files.set(file.name, file)
      if (!isPictureName(file.name)) continue
      const stem = file.name.replace(/\.\w+$/, '')
      // Of two files a path without extension names neither.
      stems.set(stem, stems.has(stem) ? undefined : file)
    }
    for (const [stem, file] of stems)
      if (file && !this.#files.has(stem)) this.#files.set(stem, file)
  }

  /** @param label a folder that the picture may lie in */
  find(path: string, label = ''): SourceFile | undefined {
    for (const written of new Set([path, path.replaceAll('\\', '/')])) {
      const name = plain(written).replace(/^(\.\.\/)+/, '')
      const found = this.#at(name, label)
      if (found) return found
      // Absolute paths are another machine's: their last parts are looked for.
      if (!/^([A-Za-z]:)?[\\/]|^\.\./.test(written)) continue
      const parts = name.split('/')
      for (let i = 1; i < parts.length - 1; i++) {
        const found = this.#at(parts.slice(i).join('/'), label)
        if (found) return found
      }
    }
    return
  }

  #at(name: string, label: string): SourceFile | undefined {
    for (const place of this.#places) {
      const found = this.#files.get(place + name)
      if (found) return found
      const inside = label === '' ? undefined : this.#files.get(`${place}${label}/${name}`)
      if (inside) return inside
    }
    return
  }
}
