/** The sets of the MNIST family that are known by name: four gzipped IDX files each. */
import { join } from 'node:path'
import type { Dataset } from '../dataset.ts'
import { fashionClasses, findIdxFiles, loadIdxFolder } from '../idx/folder.ts'
import {
  cachedFolder,
  dataFolder,
  downloadAll,
  type NamedSetOptions,
  type Origin
} from './options.ts'

/** A set of the family: where its files come from, and its class names. */
export interface IdxSet extends Origin {
  /** Class names by label. Undefined: the labels themselves. */
  readonly classes?: readonly string[]
}

const files = (
  trainImages: string,
  trainLabels: string,
  testImages: string,
  testLabels: string
): Origin['md5'] => ({
  'train-images-idx3-ubyte.gz': trainImages,
  'train-labels-idx1-ubyte.gz': trainLabels,
  't10k-images-idx3-ubyte.gz': testImages,
  't10k-labels-idx1-ubyte.gz': testLabels
})

/**
 * The sets by name. Sources: LeCun, Cortes and Burges, "The MNIST database of handwritten digits"; Xiao, Rasul and
 * Vollgraf, "Fashion-MNIST", 2017 (MIT licence); Clanuwat et al., "Deep learning for classical Japanese literature",
 * 2018 (KMNIST, CC BY-SA 4.0). The MD5 sums are those of the publishers and of torchvision.
 */
export const idxSets = {
  mnist: {
    mirrors: [
      'https://ossci-datasets.s3.amazonaws.com/mnist/',
      'https://storage.googleapis.com/cvdf-datasets/mnist/'
    ],
    md5: files(
      'f68b3c2dcbeaaa9fbdd348bbdeb94873',
      'd53e105ee54ea40749a09fcbcd1e9432',
      '9fb629c4189551a2d022fa330f9573f3',
      'ec29112dd5afa0611ce80d1b7f02629c'
    )
  },
  'fashion-mnist': {
    mirrors: [
      'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
      'https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/'
    ],
    md5: files(
      '8d4fb7e6c68d591d4c3dfef9ec88bf0d',
      '25c81989df183df01b3e8a0aad5dffbe',
      'bef4ecab320f06d8554ea6380940ec79',
      'bb300cfdad3c16e7a12a480ee83cd310'
    ),
    classes: fashionClasses
  },
  kmnist: {
    mirrors: ['http://codh.rois.ac.jp/kmnist/dataset/kmnist/'],
    md5: files(
      'bdb82020997e1d708af4cf47b453dcf7',
      'e144d726b3acfaa3e44228e80efcd344',
      '5c965bf0a639b31b8f53240b1b52f4d7',
      '7320c461ea6c1c855c0b718fb2a4b134'
    ),
    classes: ['o', 'ki', 'su', 'tsu', 'na', 'ha', 'ma', 'ya', 're', 'wo']
  }
} as const satisfies Readonly<Record<string, IdxSet>>

export type IdxSetName = keyof typeof idxSets

/** True for the name of a set of the family. */
export function isIdxSetName(name: string): name is IdxSetName {
  return Object.hasOwn(idxSets, name)
}

/**
 * Loads a set of the family into memory: grey images [28, 28, 1]. It looks in the folder of the set's name in
 * ALEXNODE_DATA, then in the cache, and downloads what the cache lacks.
 *
 * @throws DataError if a file is damaged
 * @throws OfflineError if a download is needed and no mirror answers
 * @throws DownloadError if no mirror serves the right file, or the cache cannot be written
 */
export async function openIdxSet(
  name: IdxSetName,
  options: NamedSetOptions = {}
): Promise<Dataset> {
  const { signal } = options
  const set: IdxSet = idxSets[name]
  const { classes } = set
  const own = dataFolder()
  if (own !== undefined) {
    const folder = join(own, name)
    const { missing } = await findIdxFiles(folder)
    if (missing.length === 0) return loadIdxFolder(folder, { name, classes, signal })
  }
  const folder = cachedFolder(name, options)
  const { missing } = await findIdxFiles(folder)
  const hosts = await downloadAll(missing, folder, set, options)
  if (hosts.length === 0) return loadIdxFolder(folder, { name, classes, signal })
  const source = `downloaded from ${hosts.join(' and ')} to ${folder}`
  return loadIdxFolder(folder, { name, classes, source, signal })
}
