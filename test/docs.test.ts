// README, CONTRIBUTING and docs/ name files that exist, npm scripts that exist, and code that compiles.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, resolve } from 'node:path'
import t from 'tap'
import ts from 'typescript'

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`)
]
const text = new Map(pages.map((page) => [page, readFileSync(page, 'utf8')]))

const folders = [
  ...['lib', 'native', 'test', 'examples', 'bench', 'kit', 'scripts', 'docs'],
  ...['.github', '.ci', '.changeset']
]
/** Files and folders of the repository, folders with a slash at their end. */
const known = new Set(
  folders.flatMap((folder) => [
    `${folder}/`,
    ...readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) => {
      const name = join(entry.parentPath, entry.name)
      return entry.isDirectory() ? `${name}/` : name
    })
  ])
)

const top = folders.join('|').replaceAll('.', '\\.')
/** Begins at the root, and ends in a file's name or a slash: `lib/net/`, `native/ops/table.h`. */
const path = new RegExp(`(?<![\\w./-])(?:${top})/(?:[\\w.-]+/)*(?:[\\w-]+(?:\\.[\\w-]+)+)?`, 'g')
/** A name without a folder: `order.ts`. */
const bare = /(?<![\w./<*-])[\w-]+(?:\.[\w-]+)*\.(?:ts|cjs|cc|h|cu|cuh)(?![\w/(])/g

t.test('paths exist', async (t) => {
  for (const [page, content] of text) {
    const named = [...new Set(content.match(path))]
    t.same(
      named.filter((name) => !known.has(name) && !known.has(`${name}/`)),
      [],
      `${page} names ${named.length}`
    )
  }
  t.ok((text.get('docs/design.md')?.match(path)?.length ?? 0) > 50, 'paths are found')
})

t.test('names without a folder are those of files', async (t) => {
  for (const [page, content] of text) {
    const named = [...new Set(content.match(bare))]
    const lacking = named.filter((name) => ![...known].some((file) => file.endsWith(`/${name}`)))
    t.same(lacking, [], page)
  }
})

t.test('links lead somewhere', async (t) => {
  for (const [page, content] of text) {
    const prose = content.replaceAll(/^```.*?^```$/gms, '')
    const links = [...prose.matchAll(/\]\((?!https?:)([^)#\s]+)/g)].map(([, to = '']) => to)
    const lacking = links.filter((to) => !existsSync(normalize(join(dirname(page), to))))
    t.same(lacking, [], page)
  }
})

t.test('npm scripts exist', async (t) => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'))
  for (const [page, content] of text) {
    const named = [...content.matchAll(/\bnpm run ([a-z][\w:-]*)/g)].map(([, name = '']) => name)
    t.same(
      named.filter((name) => !Object.hasOwn(scripts, name)),
      [],
      page
    )
  }
})

/** The JavaScript and TypeScript of a page; what imports nothing goes on with what came before. */
function programs(page: string): string[] {
  const made: string[] = []
  for (const [, code = ''] of (text.get(page) ?? '').matchAll(/^```(?:js|ts)\n(.*?)^```$/gms)) {
    if (/^import /m.test(code)) made.push(code)
    else made.push(`${made.pop() ?? ''}\n{\n${code}\n}\nexport {}\n`)
  }
  return made
}

t.test("README's code compiles", async (t) => {
  const sources = new Map(
    programs('README.md').map((code, i) => [resolve(`examples/readme-${i}.ts`), code])
  )
  t.ok(sources.size > 0)
  const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, '.')
  const settings = { ...options, incremental: false, noEmit: true }
  const host = ts.createCompilerHost(settings)
  const { getSourceFile, fileExists } = host
  host.fileExists = (name) => sources.has(name) || fileExists(name)
  host.getSourceFile = (name, version, ...rest) => {
    const code = sources.get(name)
    return code === undefined
      ? getSourceFile(name, version, ...rest)
      : ts.createSourceFile(name, code, version)
  }
  const program = ts.createProgram([...sources.keys()], settings, host)
  const wrong = [...sources.keys()].flatMap((name) =>
    ts.getPreEmitDiagnostics(program, program.getSourceFile(name)).map(({ messageText }) => {
      return ts.flattenDiagnosticMessageText(messageText, '\n')
    })
  )
  t.same(wrong, [])
})
