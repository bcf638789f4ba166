#!/usr/bin/env node
/** The program `alexnode`: training, looking at nets, and at what a machine can do. */
import { AddonError } from '../native/addon/error.ts'
import { version } from '../native/version.ts'
import { wrap } from './format.ts'

const HELP = `Usage: alexnode <command> [options]

Trains AlexNet and nets like it.

Commands:
  train      train a net, test it, keep weights, log and checkpoints
  prepare    photographs in folders, tars or lists, made ready to train on
  recipe     how known nets were trained and tested
  evaluate   how often a trained net is right, and what it takes for what
  predict    what a trained net takes photographs for
  features   what a layer gives for images, as a matrix in a file
  similar    which images of such a file lie nearest to others
  filters    the kernels that a net has learnt, as a picture
  show-batch a batch of images as a net sees it, as a picture
  summary    a net's layers, parameters, work and memory
  bench      measure a net's speed, layer by layer
  doctor     what this machine can train on, and what is missing
  build      compile the native addon, where no prebuilt one fits
  selftest   try every op and net against references

alexnode <command> --help tells more; alexnode --version the version.
`

const commands: Readonly<Record<string, () => Promise<unknown>>> = {
  train: () => import('./train.ts'),
  prepare: () => import('./prepare.ts'),
  recipe: () => import('./recipe.ts'),
  evaluate: () => import('./evaluate.ts'),
  predict: () => import('./predict.ts'),
  features: () => import('./features.ts'),
  similar: () => import('./similar.ts'),
  filters: () => import('./filters.ts'),
  'show-batch': () => import('./show-batch.ts'),
  summary: () => import('./summary.ts'),
  bench: () => import('./bench.ts'),
  doctor: () => import('./doctor.ts'),
  build: () => import('./build.ts'),
  selftest: () => import('./selftest.ts')
}

const [name = ''] = process.argv.splice(2, 1)
const command = Object.hasOwn(commands, name) ? commands[name] : undefined
if (command) {
  try {
    await command()
  } catch (error) {
    if (!(error instanceof AddonError)) throw error
    process.stderr.write(`${wrap(error.message).join('\n')}\n`)
    process.exitCode = 1
  }
} else if (name === '--version' || name === '-V') process.stdout.write(`${version}\n`)
else if (name === '--help' || name === '-h' || name === 'help') process.stdout.write(HELP)
else {
  process.stderr.write(name === '' ? HELP : `alexnode: there is no command '${name}'\n\n${HELP}`)
  process.exitCode = 2
}
