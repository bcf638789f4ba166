/** Numbers, and lists of them, that have the right type and are refused. By function, then by option. */

const below1 = [-1, 1, 1 - 1e-9]
const whole = [0, -1, 2.5, 2 ** 53, Number.POSITIVE_INFINITY]
const from0 = [-1, Number.POSITIVE_INFINITY, 1e39]
const seed = [-1, 0.5, 2 ** 53]
const seconds = [0, -1, Number.POSITIVE_INFINITY]

type Rows = Readonly<Record<string, readonly unknown[]>>

const weights = { 'rate.weight': [-1], 'decay.bias': [-1] }
const variant = { classes: whole, dropout: below1, width: [0, -1], 'input.height': whole }
const lrn = { size: whole, alpha: from0, beta: from0, k: from0, groups: whole }
const pool = {
  size: [...whole, [2], [2, 0]],
  stride: [0, 1.5],
  padding: [-1, 0.5, [1, 1], [0, 0, 0, -1]]
}
const build = { batch: whole, seed, ema: below1, accumulate: whole, 'parallel.replicas': [0, 1.5] }
const set = {
  length: [0, 1.5],
  height: [0, 1.5],
  mean: [[127.5, 0.5], [-0.1, 0.5], [0.5], ['0.5', 0.5]],
  std: [[0, 1], [-1, 1], [Number.NaN, 1], [58.4, 1], [1]]
}

export const outOfRange: Readonly<Record<string, Rows>> = {
  adam: { beta1: below1, beta2: [...below1, 0.99999999], epsilon: from0, weightDecay: from0 },
  sgd: { momentum: [-1, 1.1], weightDecay: from0 },
  'schedules.step': { every: [0, -1], at: [[-1], ['30']], factor: from0 },
  'schedules.exponential': { factor: from0 },
  'schedules.cosine': { end: from0 },
  'schedules.plateau': { factor: [-1, 1.5], patience: whole, threshold: [-1, 1], drops: [-1, 0.5] },
  'schedules.warmUp': { steps: [-1, 2.5] },
  'schedules.warmCosine': { steps: [-1, 2.5] },
  arrayImageSet: {
    height: whole,
    width: whole,
    channels: whole,
    mean: [[128], [0.5, 0.5]],
    std: [[0], [-1], [58]]
  },
  shapes: { channels: [2], size: [15, 16.5], train: whole, test: whole, seed },
  holdOut: { count: [0, 12, 1.5], seed },
  imageStats: { channels: whole },
  openData: { workers: [0, 1025, 1.5], 'shapes.size': [15] },
  openPhotos: { threads: [0, 1025] },
  decodePhoto: { 'size.height': [0, 1.5], maxPixels: whole, maxBytes: whole },
  prepare: {
    size: [0, 2049],
    quality: [0, 101],
    maxPixels: whole,
    classDepth: [0, 1.5],
    shardBytes: whole,
    atOnce: whole
  },
  open: { threads: [0, 1025, 1.5] },
  'Device.stream': { threads: [0, 1025, 1.5] },
  'Device.allocate': { bytes: [-1, 1.5] },
  'Buffer.tensor': { shape: [[-1], [1.5]], offset: [-4], bytes: [-4] },
  batchNorm: { epsilon: [0, -1, 1e-50], momentum: [-1, 1.5] },
  conv2d: {
    ...weights,
    filters: whole,
    size: pool.size,
    padding: pool.padding,
    dilation: [0],
    groups: whole
  },
  dense: { ...weights, units: whole },
  dropout: { rate: below1 },
  leakyRelu: { slope: from0 },
  lrn,
  lrnWithin: lrn,
  maxPool: pool,
  avgPool: pool,
  slice: { from: [-1, 0.5], count: whole },
  alexnet: variant,
  cifar: variant,
  netByName: { classes: whole, channels: whole, size: whole },
  'NetDefinition.build': build,
  'Net.at': { batch: whole },
  bench: { batch: whole, steps: whole, warmUp: [-1, 0.5] },
  train: {
    lr: from0,
    epochs: [-1, Number.POSITIVE_INFINITY],
    steps: [-1, 2.5],
    momentum: [-1, 1.1],
    weightDecay: from0,
    labelSmoothing: below1,
    clipNorm: [0, -1],
    ema: below1,
    accumulate: whole,
    'lossScale.start': [0.5, 2 ** 127],
    'lossScale.interval': whole,
    seed,
    ...Object.fromEntries(Object.entries(set)),
    'input.offsets': whole,
    'input.shared': whole,
    'input.divide': [0, -1],
    'input.colour.sigma': [-1],
    'input.colour.until': [-1],
    'validation.every': whole,
    'validation.patience': whole,
    'validation.batch': whole,
    'validation.set.std': set.std,
    'watch.every': [1, 2.5],
    'checkpoint.every': whole
  },
  evaluate: { batch: whole, views: [2], ...set },
  outputs: { batch: whole },
  openTrained: { batch: whole },
  exportOnnx: {
    'preprocessing.image.height': whole,
    'preprocessing.image.channels': whole,
    'preprocessing.crop.top': [-1, 0.5],
    'preprocessing.mean': [['0']],
    'preprocessing.divisor': [[0], [-1]]
  },
  photoFiles: { height: whole, width: whole, channels: [2] },
  filterSheet: { towers: whole, zoom: whole },
  nearest: { width: whole, most: whole },
  defaultTraining: { batch: whole },
  rangeTest: { steps: [19, 20.5], from: [0], to: [0] },
  fitSteps: { seconds, batch: whole, test: [-1, 0.5] },
  keepCheckpoints: { count: whole, spare: [-1] },
  openRun: { keep: whole },
  openTraining: { keep: whole, 'settings.lr': from0, 'defaults.batch': whole },
  optimizerOf: { lr: from0, beta2: below1, batch: whole, seed },
  writeCheckpoint: { step: [-1, 0.5] }
}
