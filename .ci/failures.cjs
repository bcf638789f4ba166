// Repeats, briefly, what failed in a log of tap's (the argument): each assertion with the file and the
// subtests that it is in, and with its diagnostic, where there are not too many of them.
const fs = require('node:fs')

const WHOLE = 6
const NAMED = 40
const LINES = 24
/** Fields of a diagnostic that only take room. */
const LONG = /^(source|args|stdio|cwd|externalID|command|at|compare|methodName|functionName):/

/** The diagnostic that follows line `i`, without its long fields. */
function diagnostic(lines, i, indent) {
  const found = []
  if (lines[i + 1]?.trim() !== '---') return found
  let dropped = false
  for (let j = i + 2; j < lines.length && lines[j].trim() !== '...'; j++) {
    const text = lines[j].slice(indent + 2)
    if (/^\S/.test(text)) dropped = LONG.test(text)
    if (!dropped && text.trim() !== '') found.push(text)
  }
  return found.length > LINES ? [...found.slice(0, LINES), '…'] : found
}

/** Failures of the log: the innermost ones, and each file's own, which says how its process ended. */
function failures(lines) {
  const found = []
  /** Open subtests, by depth, with how many failures were found before each. */
  const open = []
  for (const [i, line] of lines.entries()) {
    const [, spaces = '', name] = /^((?: {4})*)# Subtest: (.*)/.exec(line) ?? []
    if (name !== undefined) {
      open.length = Math.min(open.length, spaces.length / 4)
      open.push({ name, before: found.length })
      continue
    }
    const [, indent = '', what] = /^((?: {4})*)not ok \d+(?: - )?(.*)/.exec(line) ?? []
    if (what === undefined || / # (TODO|SKIP)\b/.test(what)) continue
    const depth = indent.length / 4
    const inner = open[depth]
    const closes = / # time=/.test(what) && inner !== undefined
    if (closes && depth > 0 && found.length > inner.before) continue
    const path = open.slice(0, depth).map((subtest) => subtest.name)
    found.push({ title: [...path, what].join(' > '), text: diagnostic(lines, i, indent.length) })
  }
  return found
}

const found = failures(fs.readFileSync(process.argv[2], 'utf8').split('\n'))
if (found.length > 0) console.log('\nWhat failed:')
for (const [i, { title, text }] of found.slice(0, NAMED).entries()) {
  console.log(`not ok - ${title}`)
  if (i < WHOLE) for (const line of text) console.log(`    ${line}`)
}
if (found.length > NAMED) console.log(`… and ${found.length - NAMED} more`)
