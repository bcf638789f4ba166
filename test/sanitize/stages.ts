/** The stages of `npm run sanitize`. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  compileAddon,
  compileRecords,
  compileStreams,
  type Ended,
  findClang,
  folder,
  root,
  run,
  type Sanitizer
} from './build.ts'

/** A stage: throws where it fails, returns why where it is skipped. */
export interface Stage {
  readonly name: string
  readonly act: () => Promise<{ readonly skipped: string } | undefined>
}

/** Throws unless the program ended well and no sanitizer reported. */
function expectClean({ code, said }: Ended, what: string): undefined {
  const report = said.search(/ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:/)
  if (code === 0 && report < 0) return undefined
  const text = report < 0 ? said.slice(-2000) : said.slice(report, report + 3000)
  throw new Error(`${what} ended with ${code}:\n${text}`)
}

/** Streams, tickets, events, programs and loaders, compiled alone: seconds. */
const streams = (kind: Sanitizer): Stage => ({
  name: `streams and loaders without Node, ${kind}`,
  act: async () => expectClean(await run(await compileStreams(kind), []), 'streams.cc')
})

/** libFuzzer over records and layouts. */
const records = (seconds: number): Stage => ({
  name: `libFuzzer over records and layouts, ${seconds} s`,
  act: async () => {
    const clang = await findClang()
    if (clang === undefined) return { skipped: 'there is no clang with libFuzzer' }
    const program = await compileRecords(clang)
    const corpus = join(folder, 'corpus')
    mkdirSync(corpus, { recursive: true })
    await writeSeeds(corpus)
    const args = [
      `-max_total_time=${seconds}`,
      '-max_len=4096',
      `-artifact_prefix=${folder}/`,
      corpus
    ]
    return expectClean(await run(program, args), 'libFuzzer')
  }
})

/** A JPEG and some layouts, from which libFuzzer goes on. */
async function writeSeeds(corpus: string): Promise<void> {
  const { default: sharp } = await import('sharp')
  const pixels = Buffer.from(Array.from({ length: 8 * 8 * 3 }, (_, i) => i))
  const jpeg = await sharp(pixels, { raw: { width: 8, height: 8, channels: 3 } })
    .jpeg()
    .toBuffer()
  writeFileSync(join(corpus, 'jpeg'), Buffer.concat([Buffer.of(2, 7, 7, 2), jpeg]))
  for (const tag of ['aBcd8b', 'ABcd16b16a', 'winograd5x3s1p32']) {
    writeFileSync(join(corpus, tag), Buffer.concat([Buffer.of(1, 3, 0, 5), Buffer.from(tag)]))
  }
}

/** The variables that load the sanitized addon into Node. */
async function environment(kind: Sanitizer): Promise<NodeJS.ProcessEnv> {
  const place = await compileAddon(kind)
  const library = kind === 'address' ? 'libasan.so' : 'libtsan.so'
  const { said } = await run('g++', [`-print-file-name=${library}`])
  return {
    ALEXNODE_PREBUILD: place,
    LD_PRELOAD: said.trim(),
    // Leaks are those of Node, which frees little at its end; memory.test.ts counts the addon's.
    ASAN_OPTIONS: 'detect_leaks=0',
    // tap ends a test that takes long: under a sanitizer all do.
    TAP_TIMEOUT: '3600',
    UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
    TSAN_OPTIONS: `suppressions=${join(root, 'test/sanitize/thread.supp')} second_deadlock_stack=1 halt_on_error=1`
  }
}

const node = (...args: readonly string[]) => ['--import', 'tsx', ...args]
const cli = (...args: readonly string[]) => node('lib/cli/main.ts', ...args)

/** A program of Node with the sanitized addon. */
const inNode = (
  kind: Sanitizer,
  name: string,
  programs: readonly (readonly string[])[]
): Stage => ({
  name: `${name}, ${kind}`,
  act: async () => {
    const env = await environment(kind)
    const scratch = mkdtempSync(join(tmpdir(), 'alexnode-sanitize-'))
    try {
      for (const args of programs) {
        const own = args.map((arg) => arg.replace('OUT', scratch))
        const ended = await run(process.execPath, own, { env, limit: 3600 })
        expectClean(ended, own.slice(2).join(' '))
      }
    } finally {
      rmSync(scratch, { recursive: true, force: true })
    }
    return undefined
  }
})

/** A training of some steps with validation and checkpoints, its evaluation and a prediction on small images. */
const training = (threads: number) => {
  const where = ['--device', 'cpu', '--threads', `${threads}`]
  return [
    node('test/sanitize/small-set.ts', 'OUT/data'),
    cli(
      ...['train', '--net', 'cifar', '--data', 'OUT/data', '--steps', '6', '--batch', '8'],
      ...['--checkpoint-every', '3', '--validate-every', '3', '--out', 'OUT/run', ...where]
    ),
    cli('evaluate', 'OUT/run', ...where)
  ]
}

/** In half a minute, what needs no addon. */
export const brief = (): Stage[] => [streams('thread'), streams('address'), records(3)]

/** All: the addon is compiled twice. */
export const all = (seconds: number, seed: number): Stage[] => [
  ...[streams('thread'), streams('address'), records(seconds)],
  inNode('address', 'the table of op cases', [cli('selftest', '--device', 'cpu', '--no-nets')]),
  inNode('address', 'a training and evaluate', training(2)),
  inNode('address', 'loaders', [node('test/photos-loading.test.ts')]),
  inNode('address', 'ends and misuse', [node('test/lifetime.test.ts')]),
  inNode('address', `fuzz of the boundary, ${seconds} s`, [
    node('test/sanitize/boundary.ts', `${seconds}`, `${seed}`)
  ]),
  // OpenMP's barriers are unknown to it: one thread a stream.
  inNode('thread', 'a training and evaluate', training(1)),
  inNode('thread', 'loaders', [node('test/photos-loading.test.ts')]),
  inNode('thread', 'ends and misuse', [node('test/lifetime.test.ts')]),
  inNode('thread', `fuzz of the boundary, ${seconds} s`, [
    node('test/sanitize/boundary.ts', `${seconds}`, `${seed}`)
  ])
]
