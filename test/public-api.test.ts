/** Which names each path of the package gives: at run time, and as types. A change here is a change for users. */
import { join, relative, resolve } from 'node:path'
import t from 'tap'
import ts from 'typescript'

interface Names {
  readonly values: string
  readonly types: string
}

const expected: Readonly<Record<string, Names>> = {
  alexnode: {
    values: `
      DamagedFileError DataError DiskError NonFiniteError OutOfMemoryError adam add alexnet arrayImageSet
      avgPool batchNorm caffe chm145 chooseDevice cifar concat conv2d convnet2 defineNet dense dropout evaluate
      fashion fashionMnist flatten holdOut leakyRelu loadWeights lrn lrnWithin maxPool netByName open openData
      openDevices openTrained relu saveWeights schedules sgd shapes sigmoid slice softmax tanh torchvision train`,
    types: `
      AddonError BuildOptions Dataset Device EvaluateOptions Evaluation ImageSet LayerNode Net NetDefinition
      Optimizer Step TrainOptions`
  },
  'alexnode/bench': {
    values: 'Benchmark bench chromeTrace writeTrace',
    types: `
      BenchOptions BenchResult Burst CallTime ChromeTrace LayerTime Pass Profile Span TraceEvent`
  },
  'alexnode/data': {
    values: `
      DownloadError OfflineError PhotoError decodePhoto imageStats loadIdxFolder openPhotos prepare sample subset`,
    types: `
      ArrayImageSetOptions ColourVariation Dataset DecodeOptions DownloadProgress FashionMnistOptions Fit
      HeldOut ImageSet ImageShape ImageStats LoadIdxOptions MeanImageFile OpenDataOptions OpenPhotosOptions
      Photo PhotoDataset PhotoForm PhotoManifest PhotoPart PhotoSet PhotoSize PrepareOptions Prepared
      ResizeFilter ShapesOptions ShardFile SkippedPhoto`
  },
  'alexnode/engine': {
    values: 'Buffer Tensor cpuInfo denseLayout elements opTable record version',
    types: `
      CpuInfo CudaDevice CudaInfo DType Device DeviceChoice Event FieldValue Fields FloatDType MemoryInfo Op
      OpInfo OpenOptions Program SettledSpec Shape SlotInfo Spec Stream StreamOptions TensorOptions TypedArray`
  },
  'alexnode/group': {
    values: 'GroupError RankGoneError describeIdentity identityOf joinGroup joinStore',
    types: 'Facts Group Identity JoinGroupOptions JoinStoreOptions Launcher Store WaitOptions'
  },
  'alexnode/net': {
    values: 'netNames',
    types: `
      AddOptions AlexNetOptions BatchNormOptions CaffeOptions Chm145Options ConcatOptions Conv2dOptions
      Convnet2Options DenseOptions DevicePlan Devices Draft DropoutOptions Freeze Head HeadFunction Init InputShape
      LayerOptions LayerSummary LeakyReluOptions LrnOptions MemoryPlan MemoryPool NamedNetOptions NetOptions NetSpec
      NetVariant Padding Pair Parallel Parameters PlacedNode PlannedSlab PoolOptions PublicTensor SliceOptions
      TowerVariant`
  },
  'alexnode/run': {
    values: `
      FolderInUseError SettingsError ablationNames defaultTraining fitSteps keepCheckpoints listCheckpoints
      loadKerasWeights netOf newestCheckpoint openRun openTraining optimizerOf planOf rangeTest rateAt
      readCheckpoint readSafetensors recipeByName recipeCourses recipeData recipeNames recipeOptimizer recipes
      saveKerasWeights splitData toCheckpoint toSnapshot withFewerTests writeCheckpoint writeSafetensors`,
    types: `
      AdamOptions AdamUpdate Best ByKind Checkpoint CheckpointData CheckpointFolder CheckpointOptions
      ColourNoise DefaultsFor Diagnosis ExpectedErrors FileDigest FileDtype FitOptions InputRecipe Json
      JsonObject KnownSpeed LoadWeightsOptions LossScaleOptions LossScaleState Measurement Metadata OpenTrainingOptions OptimizerChoice Plan RangePoint
      RangeTest RangeTestOptions RateChange RateControl RateCourse Recipe ReluStats Run RunBefore RunControl RunData
      RunOptions SafetensorsFile Sampling ScaledOutcome SgdOptions SgdUpdate SkipOptions Snapshot SplitData
      StepScalars TensorData Tensors TrainSettings TrainState TrainingDefaults TrainingRun UpdateRatio Validation
      ValidationOptions ValidationState WatchOptions`
  },
  'alexnode/use': {
    values: `
      LayerError RunError Scores assess filterSheet nearest openIndex outputs photoFiles readRun upTo
      writeIndex`,
    types: `
      AssessOptions ClassScore Confusion FeatureFacts FeatureIndex FilterOptions IndexedImage Neighbour
      OutputBatch OutputOptions PhotoFiles PhotoFilesOptions Picture PredictedBatch RowBatch RunData RunFacts
      RunSelection SuitedSet Trained TrainedOptions`
  },
  'alexnode/weights': {
    values: 'exportOnnx fitWeights importOnnx readMeanFile readWeights suitingNets',
    types: `
      ArrangedTensor FileDtype FitWeightsOptions ImportedNet LeftOut MeanFile NamedFit OnnxOptions OtherHead
      ParameterPlace Preprocessing PublicTensor TakenTensor WeightLayer WeightTensor WeightedNet WeightsFile WeightsFit WeightsFormat`
  }
}
/** The names in `schedules`, which is one name of the root. */
const schedules: Names = {
  values: 'constant cosine exponential isPlateau plateau step uniform warmCosine warmUp',
  types: 'Course Courses Plateau Progress Schedule'
}
const MOST_AT_THE_ROOT = 60

const root = resolve(import.meta.dirname, '..')
const inOrder = (text: string) => text.trim().split(/\s+/).sort()
const json = (file: string) => ts.readConfigFile(join(root, file), ts.sys.readFile).config
/** What TypeDoc reads. */
const documented: readonly string[] = json('typedoc.json').entryPoints

/** The source of each path, by what package.json exports. */
type Exports = Readonly<
  Record<string, Readonly<Record<'import' | 'require', { types: string; default: string }>>>
>
const manifest: {
  readonly exports: Exports
  readonly typesVersions: { readonly '*': Readonly<Record<string, readonly string[]>> }
} = json('package.json')
const { './package.json': _, ...exported } = manifest.exports
const sources = new Map(
  Object.entries(exported).map(([path, { import: module }]) => [
    path.replace('.', 'alexnode'),
    module.default.replace('./dist/', '').replace(/\.js$/, '.ts')
  ])
)

const configuration = ts.getParsedCommandLineOfConfigFile(
  join(root, 'tsconfig.json'),
  {},
  {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: ({ messageText }) => t.fail(String(messageText))
  }
)
if (!configuration) throw new Error('tsconfig.json cannot be read')
const program = ts.createProgram(
  [...sources.values()].map((source) => join(root, source)),
  configuration.options
)
const checker = program.getTypeChecker()

function symbolOf(source: string): ts.Symbol {
  const file = program.getSourceFile(join(root, source))
  const symbol = file && checker.getSymbolAtLocation(file)
  if (!symbol) throw new Error(`${source} exports nothing`)
  return symbol
}
const target = (symbol: ts.Symbol) =>
  symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol

/** The names that a module, or a namespace, gives to the compiler. */
function namesOf(module: ts.Symbol) {
  const symbols = checker.getExportsOfModule(module)
  return { symbols, all: symbols.map(({ name }) => name).sort() }
}

t.strictSame([...sources.keys()].sort(), Object.keys(expected).sort(), 'the paths')

t.test('node10, TypeScript’s resolution of old, knows no exports', async (t) => {
  const { '.': _, ...subPaths } = exported
  const types = Object.entries(subPaths).map(
    ([
      path,
      {
        require: { types }
      }
    ]) => [path.replace('./', ''), [types]]
  )
  t.strictSame(manifest.typesVersions['*'], Object.fromEntries(types))
})

for (const [path, source] of sources) {
  t.test(path, async (t) => {
    const { values = '', types = '' } = expected[path] ?? {}
    const module: object = await import(join(root, source))
    t.strictSame(Object.keys(module).sort(), inOrder(values), 'at run time')
    const { symbols, all } = namesOf(symbolOf(source))
    t.strictSame(all, inOrder(`${values} ${types}`), 'values and types')

    // `npm run lint` has TypeDoc look at members and namespaces, too.
    const silent = symbols.filter(
      (symbol) =>
        !(target(symbol).flags & ts.SymbolFlags.Namespace) &&
        target(symbol).getDocumentationComment(checker).length === 0
    )
    t.strictSame(
      silent.map(({ name }) => name),
      [],
      'each says what it is'
    )

    // In a clone the path is the source, for tsc, tsx and TypeDoc.
    const { resolvedModule } = ts.resolveModuleName(
      path,
      join(root, 'examples/train.ts'),
      configuration.options,
      ts.sys
    )
    t.equal(relative(root, resolvedModule?.resolvedFileName ?? ''), source)
    t.ok(documented.includes(source), 'TypeDoc reads it')
  })
}

t.test('the root', async (t) => {
  const { all, symbols } = namesOf(symbolOf('lib/index.ts'))
  t.ok(all.length <= MOST_AT_THE_ROOT, `${all.length} names, at most ${MOST_AT_THE_ROOT}`)
  const namespace = symbols.find(({ name }) => name === 'schedules')
  if (!namespace) return t.fail('no schedules')
  t.strictSame(
    namesOf(target(namespace)).all,
    inOrder(`${schedules.values} ${schedules.types}`),
    'schedules'
  )
  const { schedules: loaded } = await import('../lib/index.ts')
  t.strictSame(Object.keys(loaded).sort(), inOrder(schedules.values), 'schedules at run time')
})

t.test('a name means one thing, whichever path it comes by', async (t) => {
  const meanings = new Map<string, Set<ts.Symbol>>()
  for (const symbol of [...sources.values()].flatMap(
    (source) => namesOf(symbolOf(source)).symbols
  )) {
    const known = meanings.get(symbol.name) ?? new Set()
    meanings.set(symbol.name, known.add(target(symbol)))
  }
  const several = [...meanings].filter(([, symbols]) => symbols.size > 1)
  t.strictSame(
    several.map(([name]) => name),
    []
  )
})
