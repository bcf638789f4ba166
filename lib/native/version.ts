import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from './addon/package-root.ts'

const manifest: { version: string } = JSON.parse(
  readFileSync(join(packageRoot(), 'package.json'), 'utf8')
)

/** Version of this package, from its package.json. */
export const version: string = manifest.version
