#!/usr/bin/env node
/** The program `alexnode`: runs the command that its first argument names. */
import { AddonError } from '../native/addon/error.ts'
import { version } from '../native/version.ts'
import { foreign } from '../util/foreign.ts'
import { type CommandName, isCommand } from './shared/names.ts'
import { complain, print } from './shared/output.ts'
import { wrapped } from './shared/text.ts'

const HELP = `Usage: alexnode <command> [options]

Trains AlexNet and nets like it.

Commands:
  train      train a net, test it, and keep weights, log and checkpoints
  launch     start a command as several processes, on one machine or more
  prepare    make a data set from photographs in folders, tars or lists
  recipe     how published nets were trained and tested
  evaluate   accuracy and confusion matrix of a trained net
  predict    classify photographs with a trained net
  serve      answer with a trained net's classes over HTTP
  features   write a layer's outputs for images to a file
  similar    find the images nearest to others by such a file
  filters    draw the filters of a trained net
  plot       draw the curves of runs, in the terminal or as a file
  export     write a trained net as ONNX, or its weights for others
  show-batch draw a batch of images as a net sees it
  summary    layers and memory of a net; what a file of weights holds
  bench      measure a net's speed, layer by layer
  doctor     check what this machine can train on
  build      compile the native addon where no prebuilt one fits
  selftest   test every op and net against references

alexnode <command> --help prints a command's help, alexnode --version the
version.`

const commands: Readonly<Record<CommandName, () => Promise<unknown>>> = {
  train: () => import('./train.ts'),
  launch: () => import('./launch.ts'),
  prepare: () => import('./prepare.ts'),
  recipe: () => import('./recipe.ts'),
  evaluate: () => import('./evaluate.ts'),
  predict: () => import('./predict.ts'),
  serve: () => import('./serve.ts'),
  features: () => import('./features.ts'),
  similar: () => import('./similar.ts'),
  filters: () => import('./filters.ts'),
  plot: () => import('./plot.ts'),
  export: () => import('./export.ts'),
  'show-batch': () => import('./show-batch.ts'),
  summary: () => import('./summary.ts'),
  bench: () => import('./bench.ts'),
  doctor: () => import('./doctor.ts'),
  build: () => import('./build.ts'),
  selftest: () => import('./selftest.ts')
}

const [name = ''] = process.argv.splice(2, 1)
const command = isCommand(name) ? commands[name] : undefined
if (command) {
  try {
    await command()
  } catch (error) {
    // Thrown while a command is loaded, before it reports errors itself.
    if (!(error instanceof AddonError)) throw error
    complain(wrapped(error.message))
    process.exitCode = 1
  }
} else if (name === '--version' || name === '-V') print(version)
else if (name === '--help' || name === '-h' || name === 'help') print(HELP)
else {
  complain(name === '' ? HELP : `alexnode: there is no command '${foreign(name)}'\n\n${HELP}`)
  process.exitCode = 2
}
