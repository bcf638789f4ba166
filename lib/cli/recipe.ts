/** `alexnode recipe`: how known nets were trained and tested, one by one or beside each other. */
import { ablationNames, ablationsIn } from '../run/recipes/ablation.ts'
import { recipeByName, recipes } from '../run/recipes/index.ts'
import type { Recipe } from '../run/recipes/recipe.ts'
import { definitionOf, differences, rowsOf } from '../run/recipes/text.ts'
import { command, parse } from './command.ts'
import { COLUMNS, wrap } from './format.ts'
import { program, UsageError } from './program.ts'

interface Given {
  readonly diff?: string
  readonly ablate?: string
  readonly json?: boolean
}

/** A recipe as one object: its data, its net's layers, and errors as fractions. */
function jsonOf(recipe: Recipe): object {
  const { ablated: _, expected, ...data } = recipe
  const definition = definitionOf(recipe)
  return {
    ...data,
    input_shape: definition.input,
    layers: definition.layers.map(({ name, node }) => ({ ...node.config, name, kind: node.kind })),
    expected: expected.map(({ top1, top5, ...how }) => ({
      ...how,
      ...{ top1_error: top1, top5_error: top5 }
    }))
  }
}

/** Names on the left, values beside them. */
function columns(rows: readonly (readonly string[])[], widths: readonly number[]): string {
  const lines = rows.flatMap((row) => {
    const cells = row.map((cell, i) => wrap(cell, widths[i]))
    const height = Math.max(...cells.map((cell) => cell.length))
    return Array.from({ length: height }, (_, line) =>
      cells
        .map((cell, i) => (cell[line] ?? '').padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd()
    )
  })
  return `${lines.join('\n')}\n`
}

const NAME = 13

function text(recipe: Recipe): string {
  const rows = rowsOf(recipe).map(({ name, value }) => [name, value])
  return columns([['recipe', recipe.name], ...rows], [NAME, COLUMNS - NAME - 2])
}

function diffText(a: Recipe, b: Recipe): string {
  const half = Math.floor((COLUMNS - NAME - 4) / 2)
  const rows = differences(a, b).map((row) => [row.name, row.a, row.b])
  return columns([['recipe', a.name, b.name], ...rows], [NAME, half, half])
}

function list(): string {
  const rows = recipes.map(({ name, title }) => [name, title])
  return columns(rows, [NAME, COLUMNS - NAME - 2])
}

await program(async () => {
  const recipe = await command(
    'recipe',
    'Lists the recipes; prints one, or what differs between two. A recipe is all that decided how a known ' +
      'net was trained and tested; train --recipe NAME runs it.'
  )
  recipe
    .usage('[name] [options]')
    .argument('[name]', 'which one')
    .option('--diff <other>', 'what differs between it and another')
    .option('--ablate <names>', `without something: ${ablationNames.join(', ')}`)
    .option('--json', 'print one JSON object')
  const { diff, ablate, json = false } = await parse<Given>(recipe, process.argv.slice(2))
  const [name] = recipe.args
  const print = (object: object, words: string) => {
    process.stdout.write(json ? `${JSON.stringify(object)}\n` : words)
  }
  if (name === undefined) {
    if (diff ?? ablate) throw new UsageError('alexnode recipe: expected the name of a recipe.')
    const all = recipes.map(({ name, title }) => ({ name, title }))
    print({ recipes: all }, list())
    return
  }
  const one = named(name, ablate === undefined ? [] : ablationsIn(ablate))
  if (diff === undefined) {
    print(jsonOf(one), text(one))
    return
  }
  const other = named(diff)
  print({ a: one.name, b: other.name, differences: differences(one, other) }, diffText(one, other))
})

function named(name: string, without?: readonly string[]): Recipe {
  try {
    return recipeByName(name, without)
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error })
  }
}
