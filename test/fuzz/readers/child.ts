/** Runs cases of readers, one at a time, so that a crash or a loop without end is that of a process of its own. */
import { mkdir, mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { mutated } from './apply.ts'
import { faultOf } from './judge.ts'
import { type Answer, type Case, decode, encode, type Request } from './messages.ts'
import type { Files } from './reader.ts'
import { readerOf } from './table.ts'

/** No case is of more than some KiB, so no reader of it needs more. */
const MOST_BYTES = 256 * 2 ** 20

const seeds = new Map<string, Promise<Files>>()

async function filesOf({ reader, mutation, files }: Case): Promise<Files> {
  if (files) return decode(files)
  const known = readerOf(reader)
  const seed = seeds.get(reader) ?? Promise.resolve(known.seed())
  seeds.set(reader, seed)
  return mutation ? mutated(known, await seed, mutation) : await seed
}

/** Files of the case that are open. */
async function openIn(folder: string): Promise<string[]> {
  const open = await readdir('/proc/self/fd').catch(() => [])
  const paths = await Promise.all(open.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
  return paths.filter((path) => path.startsWith(`${folder}/`))
}

/** Files that stay open: readers may close them a moment after they end. */
async function leftOpen(folder: string): Promise<string[]> {
  for (let wait = 1; wait < 300; wait *= 2) {
    if ((await openIn(folder)).length === 0) return []
    await sleep(wait)
  }
  return openIn(folder)
}

/** Faults that no caller of a reader sees. */
const unseen: string[] = []
process.on('unhandledRejection', (error) => unseen.push(`a rejection that nobody sees: ${error}`))
process.on('uncaughtException', (error) => unseen.push(`an exception that nobody sees: ${error}`))

const memory = () => {
  const { rss, arrayBuffers } = process.memoryUsage()
  return Math.max(rss, arrayBuffers)
}

const root = await mkdtemp(join(tmpdir(), 'alexnode-fuzz-'))

async function run(test: Case, id: number): Promise<Omit<Answer, 'id'>> {
  const reader = readerOf(test.reader)
  const files = await filesOf(test)
  const folder = join(root, String(id))
  await mkdir(folder)
  for (const [name, bytes] of files) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), bytes)
  }
  const before = memory()
  unseen.length = 0
  let fault: string | undefined
  let value = true
  try {
    await reader.read(folder)
  } catch (error) {
    value = false
    fault = faultOf(error, folder, files)
  }
  const more = memory() - before
  if (more > MOST_BYTES) fault ??= `took ${Math.round(more / 2 ** 20)} MiB`
  const left = await leftOpen(folder)
  if (left.length > 0) fault ??= `left open: ${left.join(', ')}`
  fault ??= unseen[0]
  await rm(folder, { recursive: true, force: true })
  return { value, ...(fault !== undefined && { fault: fault.replaceAll(folder, '…') }) }
}

async function answer(request: Request): Promise<Answer> {
  const { id, render } = request
  if (!render) return { id, ...(await run(request, id)) }
  return { id, files: encode(await filesOf(request)) }
}

process.on('message', (request: Request) => {
  void answer(request)
    .catch((error: unknown) => {
      const text = error instanceof Error ? error.stack : String(error)
      return { id: request.id, fault: `the fuzz itself failed: ${text}` }
    })
    .then((answer) => process.send?.(answer))
})
process.on('disconnect', () => {
  void rm(root, { recursive: true, force: true }).finally(() => process.exit())
})
process.send?.({ id: 0 })
