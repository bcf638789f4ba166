/** Files of native/ include what they name: whether another header, or the file before, brings it varies. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

t.test('<cstdint>', async (t) => {
  // Kernels include nothing of a system, and two headers are theirs, too.
  const theirs = /^native\/(cuda\/kernels\/|philox4x32\.h|crop_place\.h)/
  const files = readdirSync('native', { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(cc|h)$/.test(file))
    .map((file) => `native/${file}`)
    .filter((file) => !theirs.test(file))
  t.ok(files.length > 150, `${files.length} files`)
  const lacking = files.filter((file) => {
    const source = readFileSync(file, 'utf8').replaceAll(/\/\/.*/g, '')
    return /\bu?int(8|16|32|64|ptr)_t\b/.test(source) && !/#include <cstdint>/.test(source)
  })
  t.strictSame(lacking, [])
})

t.test('cpu/simd/simd.h', async (t) => {
  /** A file of native/ and all that it includes of native/. */
  const withAll = (file: string, seen: Set<string>): Set<string> => {
    if (seen.has(file) || !existsSync(join('native', file))) return seen
    seen.add(file)
    const source = readFileSync(join('native', file), 'utf8')
    for (const [, name = ''] of source.matchAll(/^#include "([^"]+)"/gm)) withAll(name, seen)
    return seen
  }
  const users = readdirSync('native', { recursive: true, encoding: 'utf8' }).filter(
    (file) =>
      /\.(cc|h)$/.test(file) &&
      /\bALEXNODE_(CLONES|INLINED?)/.test(readFileSync(join('native', file), 'utf8'))
  )
  t.ok(users.length > 15, `${users.length} files`)
  const lacking = users.filter((file) => !withAll(file, new Set()).has('cpu/simd/simd.h'))
  t.strictSame(lacking, [], 'files that are compiled together would hide it')
})
