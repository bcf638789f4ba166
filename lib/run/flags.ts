/** How people name the settings of a run. */
import type { TrainSettings } from './train-settings.ts'

const flags: Readonly<Record<keyof TrainSettings, string>> = {
  recipe: '--recipe',
  ablate: '--ablate',
  net: '--net',
  data: '--data',
  from: '--from',
  ownInput: '--own-input',
  meanFile: '--mean-file',
  freeze: '--freeze',
  headLr: '--head-lr',
  dtype: '--dtype',
  gradientDtype: '--gradient-dtype',
  tf32: '--tf32',
  deterministic: '--deterministic',
  batch: '--batch',
  steps: '--steps',
  epochs: '--epochs',
  optimizer: '--optimizer',
  lr: '--lr',
  lrAuto: '--lr auto',
  start: '--start',
  momentum: '--momentum',
  beta2: '--beta2',
  weightDecay: '--weight-decay',
  schedule: '--schedule',
  labelSmoothing: '--label-smoothing',
  clipNorm: '--clip-norm',
  ema: '--ema',
  accumulate: '--accumulate',
  syncBatchNorm: '--sync-batch-norm',
  validate: '--validate',
  validateEvery: '--validate-every',
  holdOut: '--hold-out',
  testImages: '--test-images',
  patience: '--patience',
  input: 'input',
  seed: '--seed'
}

/** The names of all settings. */
export const settingNames: readonly string[] = Object.keys(flags)

/** How people name a setting. */
export function flagOf(name: string): string {
  return Object.entries(flags).find(([key]) => key === name)?.[1] ?? name
}
