/** The declarations under several versions of TypeScript, from ES modules and from CommonJS. */
import { join } from 'node:path'
import { match } from './expect.ts'
import { add, install, trained, write } from './project.ts'
import type { Place, Scenario } from './scenario.ts'

/** TypeScript, and the declarations of Node's of its day. */
const versions = [
  { typescript: '5.4.5', node: '20.19.43' },
  { typescript: '5.9.3', node: '24.19.4' },
  { typescript: '6.0.3', node: '26.6.7' },
  { typescript: '7.0.2', node: '26.6.7' }
]

/** What a file does with the package, whichever way it came to it. */
const body = `
const input = { channels: 1, height: 16, width: 16 }
const definition: NetDefinition = defineNet({
  name: 'own',
  input,
  layers: [conv2d({ filters: 2, size: 3 }), flatten(), dense({ units: 10 })]
})
const options: TrainOptions = { steps: 2, lr: 0.01, schedule: schedules.cosine() }

async function main(): Promise<number[]> {
  const device: Device = await open('cpu')
  const losses: number[] = []
  try {
    const net: Net = await definition.build(device, { batch: 8 })
    const data = shapes({ train: 16, test: 8, size: 16 })
    for await (const { loss } of train(net, data.train, options)) losses.push(loss)
  } catch (error) {
    if (error instanceof NonFiniteError) console.log(error.message)
    throw error
  } finally {
    await device.close()
  }
  return losses
}
main().then((losses) => console.log(JSON.stringify({ losses })))

// @ts-expect-error filters is a number
export const wrong = () => conv2d({ filters: '8', size: 5 })
// @ts-expect-error it is not there
export const none: typeof nothing = 1
`
const values = 'conv2d, defineNet, dense, flatten, NonFiniteError, open, schedules, shapes, train'
const types = ['Device', 'Net', 'NetDefinition', 'TrainOptions']
const names = `${values}, ${types.map((type) => `type ${type}`).join(', ')}`

/** A value and a type of each sub-path. */
const subPaths: Readonly<Record<string, readonly [value: string, type: string]>> = {
  bench: ['chromeTrace', 'Span'],
  data: ['imageStats', 'PhotoDataset'],
  engine: ['Tensor', 'Stream'],
  net: ['netNames', 'Conv2dOptions'],
  run: ['recipes', 'TrainSettings'],
  use: ['Scores', 'Trained']
}
const known = Object.values(subPaths)
  .map(([value, type]) => `export const its${value} = ${value}\nexport type Its${type} = ${type}`)
  .join('\n')
const imports = Object.entries(subPaths)
  .map(([path, [value, type]]) => `import { ${value}, type ${type} } from 'alexnode/${path}'`)
  .join('\n')

const files: Readonly<Record<string, string>> = {
  'module.mts': `import { ${names} } from 'alexnode'\n${body}`,
  'common.cts': `import { ${names} } from 'alexnode'\n${body}`,
  'required.cts': `import alexnode = require('alexnode')
const { ${values} } = alexnode
${types.map((type) => `type ${type} = alexnode.${type}`).join('\n')}
${body}`,
  'paths.mts': `${imports}\n${known}`,
  'paths.cts': `${imports}\n${known}`,
  'paths-required.cts': `${Object.entries(subPaths)
    .map(([path, [value, type]]) => {
      return `import ${path} = require('alexnode/${path}')
const { ${value} } = ${path}
type ${type} = ${path}.${type}`
    })
    .join('\n')}\n${known}`,
  // One and the same type, whichever way it came.
  'both.mts': `import type { Device } from 'alexnode'
import type * as common from './common.cjs'
import { device } from './device.cjs'
export const same: Device = device
export type Other = typeof common`,
  'device.cts': `import type { Device } from 'alexnode'\nexport declare const device: Device`,
  'using.mts': `import { alexnet, open } from 'alexnode'
await using device = await open('cpu')
await using net = await alexnet({ classes: 2 }).build(device, { batch: 1 })
console.log(net.parameters.count)`
}

const strict = {
  target: 'es2022',
  lib: ['es2023'],
  types: ['node'],
  strict: true,
  skipLibCheck: false,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  outDir: 'out'
}

async function check(place: Place, typescript: string, node: string): Promise<void> {
  await install(place, `@types/node@${node}`)
  for (const [file, text] of Object.entries(files)) write(place, file, text)
  const tsc = join(await add(place, 'typescript', typescript), 'bin/tsc')
  for (const [module, moduleResolution] of [
    ['esnext', 'bundler'],
    ['nodenext', 'nodenext'],
    ['node16', 'node16']
  ]) {
    const inCommonJs = moduleResolution !== 'bundler'
    // Without it is deprecated in 6, and gone in 7.
    const without = typescript.startsWith('5') && moduleResolution !== 'nodenext'
    for (const esModuleInterop of without ? [false, true] : [true]) {
      const compilerOptions = { ...strict, module, moduleResolution, esModuleInterop }
      const names = Object.keys(files).filter((name) => inCommonJs || name.endsWith('.mts'))
      write(place, 'tsconfig.json', { compilerOptions, files: names })
      const { code, out, err } = await place.run('node', [tsc])
      if (code !== 0) throw new Error(`${moduleResolution}, ${esModuleInterop}: ${out}${err}`)
    }
  }
  for (const name of ['module.mjs', 'common.cjs', 'required.cjs']) {
    trained((await place.ok('node', [join('out', name)])).out)
  }
  for (const name of ['paths.mjs', 'paths.cjs', 'paths-required.cjs']) {
    await place.ok('node', [join('out', name)])
  }
}

/** What arethetypeswrong says of the packed package. */
async function attw(place: Place): Promise<void> {
  const folder = await place.tool('@arethetypeswrong/cli', '0.18.5')
  const args = [join(folder, 'dist/index.js'), place.tarball, '--no-color', '--format', 'table']
  const { out } = await place.ok('node', args)
  match('attw', out, /No problems found/)
}

export const scenarios: readonly Scenario[] = [
  ...versions.map(
    ({ typescript, node }): Scenario => ({
      group: 'TypeScript',
      tool: `TypeScript ${typescript}`,
      what: `node16, nodenext and bundler, from ES modules and CommonJS, with @types/node ${node}; what it emits trains`,
      run: (place) => check(place, typescript, node)
    })
  ),
  {
    group: 'TypeScript',
    tool: 'arethetypeswrong 0.18.5',
    what: 'no problems found',
    run: attw
  }
]
