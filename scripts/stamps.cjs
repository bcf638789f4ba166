// When a step of the build was done, and whether what it reads has changed since.
const fs = require('node:fs')
const { dirname, join } = require('node:path')

/** The files and folders under `paths`; a folder's time tells of files that came or went. */
function* walk(...paths) {
  for (const path of paths) {
    yield path
    if (!fs.statSync(path).isDirectory()) continue
    for (const entry of fs.readdirSync(path, { withFileTypes: true })) {
      const inner = join(path, entry.name)
      if (entry.isDirectory()) yield* walk(inner)
      else yield inner
    }
  }
}

/** Whether any of `paths` changed after the step that `stamp` stands for began. */
function changedSince(stamp, ...paths) {
  const time = fs.statSync(stamp, { throwIfNoEntry: false })?.mtimeMs ?? 0
  return [...walk(...paths.filter(fs.existsSync))].some((path) => fs.statSync(path).mtimeMs > time)
}

/** Runs `step`, then stamps it with the time at which it began: what is edited meanwhile is newer. */
function stamped(stamp, step) {
  const start = new Date()
  step()
  fs.mkdirSync(dirname(stamp), { recursive: true })
  fs.writeFileSync(stamp, '')
  fs.utimesSync(stamp, start, start)
}

/** What the addon is made of. */
const nativeSources = ['native', 'CMakeLists.txt', 'package-lock.json']

module.exports = { changedSince, nativeSources, stamped, walk }
