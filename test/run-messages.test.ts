// Damage of any part of a run folder's JSON is told in words: no "undefined", "NaN" or "[object Object]".
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readCheckpoint, writeCheckpoint } from '../lib/run/checkpoint.ts'
import { RunControl } from '../lib/run/control.ts'
import { readRunData } from '../lib/run/data.ts'
import { toCheckpoint, toSnapshot } from '../lib/run/snapshot.ts'
import { digestFile } from '../lib/util/files/bytes.ts'
import { isObject } from '../lib/util/files/json.ts'

const tensor = { shape: [2], data: Float32Array.of(1, 2) }
const state = {
  step: 30,
  epoch: 1,
  position: 256,
  seed: 5,
  steps: 40,
  lossScale: { scale: 512, good: 3, skipped: 2, unheeded: ['good'] as const },
  rates: [{ step: 3, old: 0.1, lr: 0.2 }],
  validation: {
    step: 24,
    waited: 2,
    best: { step: 8, error: 0.25, loss: 0.5 },
    plateau: { factor: 0.1, best: 0.25, waited: 1 }
  }
}

/** A value in place of another; `missing` removes it. */
const missing = Symbol('missing')
const others = [missing, null, -1, 0.5, 'x', [], {}, [null], true, 1e300]

/** Every copy of a value in which one part is another. */
function* spoilt(value: unknown): Generator<unknown> {
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) {
      for (const other of [...others, ...spoilt(item)]) {
        yield value.flatMap((one, k) => (k !== i ? [one] : other === missing ? [] : [other]))
      }
    }
  } else if (isObject(value)) {
    for (const [key, item] of Object.entries(value)) {
      for (const other of [...others, ...spoilt(item)]) {
        const { [key]: _, ...rest } = value
        yield other === missing ? rest : { ...rest, [key]: other }
      }
    }
  }
}

const nonsense = /undefined|NaN|\[object|null prototype/

/** Reads each spoilt copy of a file; counts those that are refused. */
async function each(t: Test, file: string, read: () => Promise<unknown>): Promise<void> {
  const whole: unknown = JSON.parse(readFileSync(file, 'utf8'))
  let refused = 0
  for (const copy of spoilt(whole)) {
    writeFileSync(file, JSON.stringify(copy))
    const error = await read().then(
      () => undefined,
      (error: unknown) => error
    )
    if (error === undefined) continue
    refused++
    const text = error instanceof Error ? `${error.name}: ${error.message}` : ''
    if (nonsense.test(text) || !/^(DamagedFile|Disk)?Error: \[\w+\] .*expected|cannot/.test(text)) {
      t.fail(`${JSON.stringify(copy)}: ${text}`)
    }
  }
  t.ok(refused > 10, `${refused} refused`)
  writeFileSync(file, JSON.stringify(whole))
}

t.test('a checkpoint', async (t) => {
  const snapshot = {
    state,
    weights: new Map([['fc.bias', tensor]]),
    optimizer: new Map([['v', new Map([['fc.bias', tensor]])]])
  }
  const folder = await writeCheckpoint(t.testdir(), toCheckpoint(snapshot))
  await each(t, join(folder, 'manifest.json'), () => readCheckpoint(folder))
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))
  await each(t, join(folder, 'state.json'), async () => {
    manifest.files['state.json'] = await digestFile(join(folder, 'state.json'))
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest))
    toSnapshot(await readCheckpoint(folder))
  })
})

t.test('what a run keeps of its data', async (t) => {
  const folder = t.testdir()
  const known = { name: 'x', classes: ['a', 'b'], height: 2, width: 3, channels: 1 }
  writeFileSync(join(folder, 'data.json'), JSON.stringify({ ...known, mean: [0.5], std: [0.1] }))
  await each(t, join(folder, 'data.json'), () => readRunData(folder))
})

t.test('rates', async (t) => {
  const folder = t.testdir()
  writeFileSync(join(folder, 'rates.json'), JSON.stringify(state.rates))
  await each(t, join(folder, 'rates.json'), async () => {
    const notes: string[] = []
    const control = await RunControl.open(folder, { onNote: (text) => notes.push(text) })
    await control.close()
    if (notes[0] !== undefined) throw new Error(`[rates] ${notes[0]}`)
  })
})
