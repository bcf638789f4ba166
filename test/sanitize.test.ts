// The short form of `npm run sanitize`: streams, tickets, events and loaders under sanitizers, and libFuzzer.
import t from 'tap'
import { run } from './sanitize/build.ts'
import { brief } from './sanitize/stages.ts'

const { code } = await run('g++', ['--version'])
const skip =
  code === 0 && process.platform === 'linux' ? {} : { skip: 'there is no g++ on Linux here' }
for (const { name, act } of brief()) {
  t.test(name, skip, async (t) => {
    const skipped = await act()
    if (skipped) t.pass('it was not run', { skip: skipped.skipped })
    else t.pass('it is clean')
  })
}
