/** What the public functions take, as the compiler sees it: names and kinds of parameters and of their options. */
import { join, resolve } from 'node:path'
import ts from 'typescript'

/** A kind of JavaScript value. */
export type Kind = 'string' | 'number' | 'boolean' | 'function' | 'array' | 'typed' | 'object'

/** A parameter, or an option. */
export interface Taken {
  readonly name: string
  readonly optional: boolean
  /** None: anything is taken. */
  readonly kinds: ReadonlySet<Kind>
  /** Of texts and numbers: whether only some are taken. */
  readonly literal: { readonly string: boolean; readonly number: boolean }
  /** Of a plain object whose options are ours. */
  readonly options: readonly Taken[]
  /** True if an empty object is not one. */
  readonly needs: boolean
}

/** Types that the package makes and takes back: what they hold is not what a user writes. */
const MADE = new Set(
  `Recipe RateCourse Dataset Checkpoint Snapshot Optimizer LayerNode Span PublicTensor RunBefore
   FeatureFacts WeightsFile`.split(/\s+/)
)

const root = resolve(import.meta.dirname, '..')
const options = ts.getParsedCommandLineOfConfigFile(
  join(root, 'tsconfig.json'),
  {},
  { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => {} }
)?.options

/** The functions that modules export, and the methods that are asked for as 'Class.method', by name. */
export function publicFunctions(
  sources: readonly string[],
  methods: readonly string[]
): ReadonlyMap<string, readonly Taken[]> {
  const files = sources.map((source) => join(root, source))
  const program = ts.createProgram(files, options ?? {})
  const checker = program.getTypeChecker()
  const found = new Map<string, readonly Taken[]>()

  for (const file of files) {
    const source = program.getSourceFile(file)
    const module = source && checker.getSymbolAtLocation(source)
    if (module) addAll(module, '')
  }
  return found

  function addAll(module: ts.Symbol, prefix: string): void {
    for (const exported of checker.getExportsOfModule(module)) {
      const symbol = targetOf(exported)
      const name = prefix + exported.name
      if (symbol.flags & ts.SymbolFlags.Module && !(symbol.flags & ts.SymbolFlags.Function)) {
        addAll(symbol, `${name}.`)
      } else if (symbol.flags & (ts.SymbolFlags.Function | ts.SymbolFlags.Variable)) {
        add(name, symbol)
      } else if (symbol.flags & ts.SymbolFlags.Class) {
        for (const method of methods) addMethod(symbol, name, method)
      }
    }
  }

  function addMethod(symbol: ts.Symbol, name: string, method: string): void {
    const [of, called = ''] = method.split('.')
    if (of !== name) return
    const member =
      checker.getDeclaredTypeOfSymbol(symbol).getProperty(called) ??
      checker.getTypeOfSymbol(symbol).getProperty(called)
    if (member) add(method, member)
  }

  function add(name: string, symbol: ts.Symbol): void {
    const [signature] = checker.getTypeOfSymbol(symbol).getCallSignatures()
    if (!signature || signature.parameters.length === 0 || isInternal(symbol)) return
    found.set(
      name,
      signature.parameters.map((one) => takenOf(one, 0))
    )
  }

  function targetOf(symbol: ts.Symbol): ts.Symbol {
    return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  }

  function takenOf(symbol: ts.Symbol, depth: number): Taken {
    const { valueDeclaration } = symbol
    const declared = checker.getTypeOfSymbol(symbol)
    const type = checker.getNonNullableType(declared)
    const parts = type.isUnion() ? type.types : [type]
    const objects = parts.filter((part) => kindOf(part) === 'object')
    const own = objects.length === 1 ? objects[0] : undefined
    const walked = own && depth < 4 && isOurs(own) ? own.getProperties() : []
    const defaulted =
      valueDeclaration !== undefined &&
      ts.isParameter(valueDeclaration) &&
      checker.isOptionalParameter(valueDeclaration)
    return {
      name: symbol.name,
      optional: (symbol.flags & ts.SymbolFlags.Optional) !== 0 || defaulted,
      kinds: new Set(parts.flatMap((part) => kindOf(part) ?? [])),
      literal: {
        string: parts.some((part) => part.isStringLiteral()),
        number: parts.some((part) => part.isNumberLiteral())
      },
      options: walked.map((one) => takenOf(one, depth + 1)),
      needs: own?.getProperties().some(isRequired) === true
    }
  }

  function isRequired({ flags }: ts.Symbol): boolean {
    return (flags & ts.SymbolFlags.Optional) === 0
  }

  function kindOf(type: ts.Type): Kind | undefined {
    const { flags } = type
    if (flags & ts.TypeFlags.StringLike) return 'string'
    if (flags & ts.TypeFlags.NumberLike) return 'number'
    if (flags & ts.TypeFlags.BooleanLike) return 'boolean'
    if (type.isIntersection() || flags & ts.TypeFlags.NonPrimitive) return 'object'
    if (!(flags & ts.TypeFlags.Object)) return undefined
    if (type.getCallSignatures().length > 0) return 'function'
    if (checker.isArrayType(type) || checker.isTupleType(type)) return 'array'
    return /^(Uint|Int|Float)\d+Array$/.test(type.getSymbol()?.name ?? '') ? 'typed' : 'object'
  }

  /** True for a plain object that a user writes. */
  function isOurs(type: ts.Type): boolean {
    const symbol = type.aliasSymbol ?? type.getSymbol()
    const [property = symbol] = type.getProperties()
    const [declaration] = property?.declarations ?? []
    if (!declaration || type.isClass() || MADE.has(symbol?.name ?? '')) return false
    if (checker.getIndexInfosOfType(type).length > 0) return false
    return declaration.getSourceFile().fileName.startsWith(join(root, 'lib'))
  }
}

function isInternal(symbol: ts.Symbol): boolean {
  return symbol.getJsDocTags().some(({ name }) => name === 'internal')
}
