/** Finds the folder of a tree in which the parts or classes lie. */
import type { SourceFile, Tree } from '../files/tree.ts'

/** A tree without the folders that hold all the rest. */
export function unwrappedTree(tree: Tree): Tree {
  return { ...tree, files: unwrapped(tree.files) }
}

/** If all files are in one folder of the root, that folder is the root. */
function unwrapped(files: readonly SourceFile[]): readonly SourceFile[] {
  const slash = files[0]?.name.indexOf('/') ?? -1
  const folder = files[0]?.name.slice(0, slash + 1) ?? ''
  if (slash < 0 || files.some(({ name }) => !name.startsWith(folder))) return files
  return unwrapped(files.map((file) => ({ ...file, name: file.name.slice(folder.length) })))
}
