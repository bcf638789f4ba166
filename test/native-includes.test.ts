/** Files of native/ that name integer types include their header: whether another one brings it varies by compiler. */
import { readdirSync, readFileSync } from 'node:fs'
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
