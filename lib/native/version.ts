/** The version of this package, which package.json alone tells. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from './addon/package-root.ts'

const manifest: { version: string } = JSON.parse(
  readFileSync(join(packageRoot(), 'package.json'), 'utf8')
)

/** The version of this package. */
export const { version } = manifest
