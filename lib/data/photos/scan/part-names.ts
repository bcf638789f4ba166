/** Words that name the parts of a set. */

/** A part: the names of its folder, and of lists of its pictures. */
export interface PartName {
  readonly word: 'train' | 'val' | 'test'
  readonly folder: RegExp
  readonly list: RegExp
}

const part = (word: PartName['word'], pattern: string): PartName => ({
  word,
  folder: new RegExp(`(^|[\\W_])(${pattern})([\\W_]?(set|images?|imgs?|data|photos))?$`, 'i'),
  list: new RegExp(`(^|[\\W_])(${pattern})(set)?([\\W_].*)?\\.\\w+$`, 'i')
})

/** Training part, and the parts to test with, in the order of preference. */
export const PARTS: readonly PartName[] = [
  part('train', 'train(ing)?'),
  part('val', 'val(id|idation)?'),
  part('test', 'test(ing)?')
]

/** The part that a folder's name tells; undefined if it tells none. */
export const partWord = (folder: string): PartName['word'] | undefined =>
  PARTS.find((part) => part.folder.test(folder.slice(folder.lastIndexOf('/') + 1)))?.word
