// `alexnode plot`: in the terminal, and as SVG, PNG and HTML.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import t from 'tap'
import { readCurves } from '../lib/run/read-log.ts'
import { confusionSvg } from '../lib/use/plot/confusion.ts'
import { plotOf, smoothed } from '../lib/use/plot/panels.ts'
import { Scores } from '../lib/use/scores.ts'
import { runProgram, widest } from './programs.ts'

const dir = t.testdir()
/** Names that must not be taken for markup, or for commands of the terminal. */
const first = join(dir, 'a <b>&amp; "run"')
const second = join(dir, 'another \u001b[31mrun')

/** A run's files, without training one. */
function writeRun(folder: string, steps: number, more: readonly object[] = []): string {
  mkdirSync(folder)
  writeFileSync(
    join(folder, 'options.json'),
    JSON.stringify({ net: 'cifar', batch: 32, accumulate: 2 })
  )
  const lines = Array.from({ length: steps }, (_, i) => ({
    step: i + 1,
    loss: i === 7 ? null : 2 / (1 + i / 100) + 0.1 * Math.sin(i),
    top1: 1 - 1 / (1 + i / 100),
    images_per_s: 128
  }))
  const log = [...lines, ...more].map((line) => JSON.stringify(line))
  writeFileSync(join(folder, 'log.jsonl'), `${log.join('\n')}\n{"step":`)
  return folder
}
writeRun(first, 2000, [{ step: 2000, validation_loss: 0.25, validation_top1: 0.9, best: true }])
writeRun(second, 500)

const plot = (...args: string[]) => runProgram('lib/cli/main.ts', ['plot', ...args])
/** An end with an error, without line ends, whose places depend on the paths. */
const failed = async (...args: string[]) => {
  const { code, err } = await plot(...args)
  return `${code}: ${err.replaceAll(/\s+/g, ' ')}`
}

t.test('the curves of a log', async (t) => {
  const curves = await readCurves(first)
  t.equal(curves?.loss.values.length, 1999, 'a loss that was not finite is left out')
  t.strictSame(curves?.top1.images.slice(0, 2), [64, 128])
  t.strictSame(curves?.top1.seconds.slice(0, 2), [0.5, 1])
  t.match(curves?.validationLoss, {
    steps: [2000],
    images: [128_000],
    seconds: [1000],
    values: [0.25]
  })
  t.equal(await readCurves(dir), undefined)
  t.strictSame(smoothed([1, 2, 3], 1), [1, 2, 3])
  t.strictSame(
    smoothed([3, 3, 3], 10).map((value) => Math.round(value * 1e9) / 1e9),
    [3, 3, 3]
  )
  if (!curves) return
  const { panels, x } = plotOf([{ name: 'one', curves }], { x: 'time', columns: 100 })
  t.match(x, { label: 'training time, min', most: 1000 / 60 })
  t.ok((panels[0]?.lines[0]?.smooth.length ?? 0) <= 101, 'few points')
  t.ok((panels[0]?.lines[0]?.raw.length ?? 0) <= 202)
})

t.test('in the terminal', async (t) => {
  const ended = await plot(first, second)
  t.match(ended, { code: 0, err: '' })
  t.ok(widest(ended.out, first, second) <= 80, ended.out)
  t.match(ended.out, /^ {4}loss$/m)
  t.match(ended.out, /^ +[\d.]+ ┤ *[•×]/m)
  t.match(ended.out, /step +0 +500 +1K +1\.5K +2K/)
  t.match(ended.out, /^• .*a <b>&amp; "run" \(A: validations\)$/m)
  t.match(ended.out, /^× .*another \ufffd\[31mrun$/m)
  t.match(ended.out, /A$/m)
})

t.test('as files', async (t) => {
  const svg = join(dir, 'plot.svg')
  t.match(await plot(first, second, '--out', svg, '--x', 'images'), { code: 0, out: /^Plot +\S/ })
  const text = readFileSync(svg, 'utf8')
  t.match(text, 'a &#60;b&#62;&#38;amp; &#34;run&#34;')
  t.notOk(text.includes('<b>') || text.includes('\u001b'))
  t.equal(text.match(/class="raw"/g)?.length, 4)
  t.equal(text.match(/<circle class="point"/g)?.length, 2 + 2, 'two in the legend')
  t.ok(text.length < 300_000, `${text.length}`)

  const png = join(dir, 'plot.PNG')
  t.match(await plot(first, '--out', png), { code: 0 })
  t.match(await sharp(png).metadata(), { format: 'png', width: 1632 })

  const html = join(dir, 'plot.html')
  t.match(await plot(first, second, '--out', html), { code: 0 })
  const page = readFileSync(html, 'utf8')
  t.match(page, /prefers-color-scheme:dark/)
  t.match(page, /<td>0\.250<\/td>/)
  t.notMatch(page, /<b>|https?:\/\/(?!www\.w3\.org)/)
})

t.test('a confusion matrix', async (t) => {
  const scores = new Scores(['<b>cat</b>', 'dog'])
  const probabilities = Float32Array.of(1, 0, 0, 1, 0, 1, 0, 1)
  scores.add(probabilities, Int32Array.of(0, 0, 1, 1))
  const svg = confusionSvg(scores)
  t.match(svg, '&#60;b&#62;cat')
  t.notMatch(svg, '<b>')
  const cells = [...svg.matchAll(/<rect x="(\d+)" y="(\d+)".*?fill="(rgb.*?)".*?>(\d)</g)]
  t.strictSame(
    cells.map(([, x, y, colour, images]) => [x, y, colour, images]),
    [
      ['0', '0', 'rgb(116,150,185)', '1'],
      ['30', '0', 'rgb(116,150,185)', '1'],
      ['30', '30', 'rgb(0,60,120)', '2']
    ],
    'the columns are what was predicted'
  )
  const many = new Scores(Array.from({ length: 1000 }, (_, i) => `class ${i}`))
  t.ok(confusionSvg(many).length < 2000, 'empty cells are not drawn')
})

t.test('errors', async (t) => {
  t.match(await failed(join(dir, 'none')), /^1: .*expected the folder of a run, got nothing there/)
  t.match(await failed(dir), /^1: .*got a folder without options\.json/)
  const blank = writeRun(join(dir, 'blank'), 0)
  t.match(await failed(blank), /^1: .*expected a run with steps, got one without/)
  const gif = join(dir, 'plot.gif')
  t.match(await failed(first, '--out', gif), /^2: .*ends in \.svg, \.png, \.html, got/)
  t.notOk(existsSync(gif))
  t.match(await failed(first, '--out', '/proc/plot.svg'), /^1: .*cannot write/)
  t.match(await failed(first, '--x', 'epochs'), /^2: .*Allowed choices are/)
  t.match(await failed(), /^2: .*missing required argument/)
})
