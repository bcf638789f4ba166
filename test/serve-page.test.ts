/** The page of `alexnode serve` in headless Chromium: pictures are chosen, and names with markup are text. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import t from 'tap'
import { open } from '../lib/engine/device.ts'
import { readJson } from '../lib/util/files/json.ts'
import { findChromium } from './browser-parts.ts'
import { picture } from './photo-files.ts'
import { Served } from './serve-client.ts'
import { trainedRun } from './trained-run.ts'

const executablePath = findChromium()
const skip = executablePath ? false : 'there is no Chromium: apt-get install chromium'
const MARKUP = '<img src=x onerror=document.title=1>'

t.test('the page', { skip }, async (t) => {
  const dir = t.testdir()
  const run = join(dir, 'run')
  {
    await using device = await open('cpu', { threads: 1 })
    await trainedRun(device, run)
  }
  // All classes are named by markup, so that the first one is.
  const file = join(run, 'data.json')
  const data = Object(await readJson(file))
  const classes = data.classes.map((_: string, i: number) => `${MARKUP} ${i}`)
  writeFileSync(file, JSON.stringify({ ...data, classes }))
  const pictures = join(dir, 'pictures')
  mkdirSync(pictures)
  const whole = join(pictures, '<b>cat.jpg')
  const broken = join(pictures, 'broken.jpg')
  writeFileSync(whole, await picture(1))
  writeFileSync(broken, 'GIF89a')

  const served = await Served.start(run)
  const browser = await chromium.launch({
    ...(executablePath && { executablePath }),
    args: ['--no-sandbox']
  })
  try {
    const page = await browser.newPage({ viewport: { width: 360, height: 640 } })
    const faults: string[] = []
    const asked = new Set<string>()
    page.on('console', (one) => one.type() === 'error' && faults.push(one.text()))
    page.on('pageerror', (error) => faults.push(error.message))
    page.on('request', (request) => asked.add(new URL(request.url()).origin))
    await page.goto(served.url)
    await page.keyboard.press('Tab')
    t.equal(await page.evaluate('document.activeElement.id'), 'files', 'reached by keyboard')
    await page.setInputFiles('#files', [whole, broken])
    await page.getByText(/is a GIF/).waitFor()
    const texts = await page.locator('h2').allTextContents()
    t.strictSame(texts, ['broken.jpg', '<b>cat.jpg'])
    t.match(await page.locator('li').first().textContent(), /is a GIF/)
    const rows = await page.locator('td:first-child').allTextContents()
    t.equal(rows.length, 5)
    t.ok(rows.every((row) => row.startsWith(MARKUP)))
    t.match(await page.locator('#said').textContent(), /<b>cat\.jpg: <img/)
    t.equal(await page.title(), 'alexnode serve')
    t.ok(Number(await page.evaluate('document.documentElement.scrollWidth')) <= 360, 'fits 360 px')
    const ground = () => page.evaluate('getComputedStyle(document.body).color')
    const light = await ground()
    await page.emulateMedia({ colorScheme: 'dark' })
    t.not(await ground(), light, 'dark, too')
    t.strictSame(
      [...asked].filter((origin) => origin !== 'null'),
      [new URL(served.url).origin]
    )
    // 422 of the broken picture is told by the browser itself.
    t.strictSame(
      faults.filter((one) => !/status of 422/.test(one)),
      []
    )
  } finally {
    await browser.close()
    t.match(await served.end(), { code: 0 })
  }
})
