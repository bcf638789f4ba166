/** examples/browser in headless Chromium: its answers are those of `alexnode predict`. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import sharp from 'sharp'
import t, { type Test } from 'tap'
import { shapes } from '../lib/data/shapes/shapes.ts'
import { open } from '../lib/engine/device.ts'
import { netByName } from '../lib/net/models/index.ts'
import type { TrainSettings } from '../lib/run/settings.ts'
import { openTraining } from '../lib/run/training-run.ts'
import { evaluate } from '../lib/training/evaluate/evaluate.ts'
import { train } from '../lib/training/train.ts'
import { findChromium, onnxruntimeWeb, serve } from './browser-parts.ts'
import { objects, runProgram } from './programs.ts'
import { imagesOf, smallRun } from './trained-run.ts'

const example = resolve(import.meta.dirname, '../examples/browser')
const browser = findChromium()
const runtime = browser ? await onnxruntimeWeb() : undefined
const skip = !browser
  ? 'there is no Chromium: apt-get install chromium'
  : runtime && 'missing' in runtime
    ? runtime.missing
    : false

/** Of probabilities. Decoders round alike to one level; where JPEGs are decoded smaller, blocks differ by some more. */
const SAME_BYTES = 1e-4
const OTHER_BYTES = 0.01

const settings: TrainSettings = { ...smallRun, steps: 120 }

/** A run that learnt some shapes, and pictures of them: as PNG, and enlarged as JPEG and WebP. */
async function prepare(dir: string): Promise<readonly string[]> {
  const data = shapes({ channels: 3, size: 32, train: 512, test: 40 })
  await using device = await open('cpu', { threads: 2 })
  await using run = await openTraining({ out: join(dir, 'run'), settings: {}, defaults: settings })
  run.sameData(data)
  const definition = netByName('cifar', { channels: 3, classes: data.classes.length })
  await using net = await definition.build(device, { batch: 16, seed: 1 })
  const checkpoint = { every: 120, save: run.save }
  const steps = { steps: 120, lr: 0.01, momentum: 0.9, checkpoint }
  for await (const step of train(net, data.train, steps)) await run.log(step)
  await run.finish(net, await evaluate(net, data.test, { batch: 16 }))
  const { images } = await imagesOf(data.test)
  const raw = { width: 32, height: 32, channels: 3 } as const
  const files: string[] = []
  for (let i = 0; i < 9; i++) {
    const picture = sharp(images.subarray(i * 3072, (i + 1) * 3072), { raw })
    const wide = () => picture.clone().resize(400 + 37 * i, 300, { fit: 'fill' })
    const file = join(dir, `${i}.${['png', 'jpg', 'webp'][i % 3]}`)
    await (i % 3 === 0
      ? picture
      : i % 3 === 1
        ? wide().jpeg({ quality: 95 })
        : wide().webp()
    ).toFile(file)
    files.push(file)
  }
  return [...files, ...photographs(dir)]
}

function photographs(dir: string): readonly string[] {
  const archive = join(process.env.ALEXNODE_DATA ?? '', 'imagenet-samples.tar')
  if (!existsSync(archive)) return []
  const tar = (...args: string[]) => execFileSync('tar', args, { encoding: 'utf8' })
  const names = tar('-tf', archive)
    .split('\n')
    .filter((name) => name.endsWith('.JPEG'))
    .slice(0, 4)
  tar('-xf', archive, '-C', dir, ...names)
  return names.map((name) => join(dir, name))
}

interface Answer {
  readonly class: string
  readonly probability: number
}

/** Drops a file onto the page, and reads its answer. */
async function dropped(page: Page, file: string): Promise<readonly Answer[]> {
  const bytes = readFileSync(file).toString('base64')
  const ending = file.slice(file.lastIndexOf('.') + 1).toLowerCase()
  const type = `image/${ending.startsWith('jp') ? 'jpeg' : ending}`
  const name = basename(file)
  const given =
    await page.evaluateHandle(`fetch('data:${type};base64,${bytes}').then(async (answer) => {
    const transfer = new DataTransfer()
    transfer.items.add(new File([await answer.blob()], '${name}', { type: '${type}' }))
    return transfer
  })`)
  await page.dispatchEvent('#drop', 'drop', { dataTransfer: given })
  await page.getByText(`${name} is probably`).or(page.getByText('cannot be read')).waitFor()
  const items = await page.locator('#result li').all()
  return Promise.all(
    items.map(async (item) => ({
      class: (await item.getAttribute('data-class')) ?? '',
      probability: Number(await item.getAttribute('data-probability'))
    }))
  )
}

/** A copy of a run, as `--resize-filter bilinear` keeps it. */
function bilinear(run: string): string {
  const copy = `${run}-bilinear`
  cpSync(run, copy, { recursive: true })
  const data = JSON.parse(readFileSync(join(copy, 'data.json'), 'utf8'))
  writeFileSync(join(copy, 'data.json'), JSON.stringify({ ...data, filter: 'bilinear' }))
  return copy
}

t.test('a dropped picture', { skip, timeout: 300_000 }, async (t) => {
  const dir = t.testdir()
  const files = await prepare(dir)
  const site = join(dir, 'site')
  mkdirSync(site)
  for (const name of ['index.html', 'page.mjs', 'metadata.mjs', 'picture.mjs']) {
    copyFileSync(join(example, name), join(site, name))
  }
  const place = runtime && 'folder' in runtime ? runtime.folder : ''
  const { url, server } = await serve({ '/onnxruntime/': place, '/': site })
  const program = await chromium.launch({ executablePath: browser ?? '', args: ['--no-sandbox'] })
  t.teardown(async () => {
    await program.close()
    server.close()
  })
  const run = join(dir, 'run')
  for (const one of [run, bilinear(run)]) {
    const page = await program.newPage()
    await t.test(basename(one), (t) => compare(t, one, files, { site, url, page }))
    await page.close()
  }
})

interface Site {
  readonly site: string
  readonly url: string
  readonly page: Page
}

/** Exports a run, drops the files onto the page, and compares with `alexnode predict`. */
async function compare(
  t: Test,
  run: string,
  files: readonly string[],
  { site, url, page }: Site
): Promise<void> {
  const made = ['export', run, join(site, 'net.onnx'), '--with-preprocessing']
  t.match(await runProgram('lib/cli/main.ts', made), { code: 0 })
  const args = ['predict', run, ...files, '--top', '5', '--json', '--threads', '2']
  const told = await runProgram('lib/cli/main.ts', args)
  t.equal(told.code, 0, told.err)
  const [known] = objects(told.out)
  const predictions = known?.predictions as readonly { top: readonly Answer[] }[]
  const failures: string[] = []
  page.on('pageerror', (error) => failures.push(error.message))
  await page.goto(`${url}/index.html`)
  await page.getByText('Ready.').waitFor()
  const sure = predictions.filter(({ top }) => (top[0]?.probability ?? 0) > 0.4)
  t.ok(sure.length > 3, `a net that knows something: ${sure.length} of ${files.length}`)
  for (const [i, file] of files.entries()) {
    const [ours, theirs] = [predictions[i]?.top ?? [], await dropped(page, file)]
    t.same(theirs[0]?.class, ours[0]?.class, `${basename(file)}: the class`)
    const error = Math.max(
      ...ours.map(({ class: name, probability }) => {
        const found = theirs.find((one) => one.class === name)
        return found ? Math.abs(found.probability - probability) : 0
      })
    )
    const same = file.endsWith('.png') || run.endsWith('bilinear')
    const bound = same ? SAME_BYTES : OTHER_BYTES
    t.ok(error <= bound, `${basename(file)}: probabilities differ by ${error.toExponential(1)}`)
  }
  t.same(failures, [])
}
