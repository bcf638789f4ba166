/** The files of a tar by name: links are followed, and of a name that occurs twice the last one counts. */
import { posix } from 'node:path'
import { plain, type TarMember } from './tar.ts'

/** A file of a tar. Its bytes are those of the member that it links to. */
export interface TarFile extends Pick<TarMember, 'name' | 'offset' | 'bytes'> {
  readonly fault?: string
}

/** More links in a row are taken for a circle. */
const MAX_LINKS = 40
const NOWHERE = 'links to nothing in its tar'

const faults: Readonly<Partial<Record<TarMember['kind'], string>>> = {
  sparse: 'is stored with holes (a sparse file), which are not read: unpack the tar',
  other: 'is a device or pipe, no file'
}

/** Collects the members of one tar. */
export class TarFiles {
  readonly #files = new Map<string, TarFile>()
  readonly #symlinks = new Map<string, string>()

  /** @returns true if the name was there already */
  add(member: TarMember): boolean {
    const { name, kind, target = '' } = member
    const before = this.#files.has(name) || this.#symlinks.has(name)
    this.#files.delete(name)
    this.#symlinks.delete(name)
    if (kind === 'symlink') this.#symlinks.set(name, plain(posix.join(posix.dirname(name), target)))
    else if (kind === 'link') this.#files.set(name, this.#linked(name, plain(target)))
    else this.#files.set(name, fileOf(member))
    return before
  }

  #linked(name: string, target: string): TarFile {
    const found = this.#files.get(target)
    return found ? { ...found, name } : { name, offset: 0, bytes: 0, fault: NOWHERE }
  }

  /** The files, links resolved. */
  all(): TarFile[] {
    const found = [...this.#files.values()]
    for (const name of this.#symlinks.keys()) found.push(...this.#follow(name))
    return found
  }

  /** What a symlink links to: a file, or the files of a folder. */
  #follow(name: string): TarFile[] {
    let target = name
    for (let i = 0; i < MAX_LINKS; i++) {
      const next = this.#symlinks.get(target)
      if (next === undefined) break
      target = next
    }
    const file = this.#files.get(target)
    if (file) return [{ ...file, name }]
    const inside = [...this.#files.values()].filter((one) => one.name.startsWith(`${target}/`))
    // A folder that contains the link would be in itself.
    if (inside.length === 0 || name.startsWith(`${target}/`)) return [this.#linked(name, target)]
    return inside.map((one) => ({ ...one, name: name + one.name.slice(target.length) }))
  }
}

function fileOf({ name, kind, offset, bytes, truncated }: TarMember): TarFile {
  const fault = truncated ? 'is cut short, as its tar is' : faults[kind]
  return { name, offset, bytes, ...(fault !== undefined && { fault }) }
}
