/** `alexnode recipe`: lists recipes, prints one, or compares two. */
import { ablationNames, ablationsIn } from '../run/recipes/ablation.ts'
import { recipeByName, recipes } from '../run/recipes/index.ts'
import type { Recipe } from '../run/recipes/recipe.ts'
import { definitionOf, differences, rowsOf } from '../run/recipes/text.ts'
import { command, parse } from './shared/command.ts'
import { jsonHelp } from './shared/options.ts'
import { print, printJson } from './shared/output.ts'
import { messageOf, program, UsageError } from './shared/program.ts'
import { COLUMNS, wrap } from './shared/text.ts'

interface Given {
  readonly diff?: string
  readonly ablate?: string
  readonly json?: boolean
}

/** A recipe with its net's layers, and errors as fractions. */
function jsonOf(recipe: Recipe): object {
  const { ablated: _, expected, ...data } = recipe
  const definition = definitionOf(recipe)
  return {
    ...data,
    input_shape: definition.input,
    layers: definition.layers.map(({ name, node }) => ({ ...node.config, name, kind: node.kind })),
    expected: expected.map(({ top1, top5, ...how }) => ({
      ...how,
      top1_error: top1,
      top5_error: top5
    }))
  }
}

/** Lays rows out in columns of these widths; cells are wrapped. */
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
  return lines.join('\n')
}

/** Width of the column of names. */
const NAME = 13

function recipeText(recipe: Recipe): string {
  const rows = rowsOf(recipe).map(({ name, value }) => [name, value])
  return columns([['recipe', recipe.name], ...rows], [NAME, COLUMNS - NAME - 2])
}

function differenceText(a: Recipe, b: Recipe): string {
  const half = Math.floor((COLUMNS - NAME - 4) / 2)
  const rows = differences(a, b).map((row) => [row.name, row.a, row.b])
  return columns([['recipe', a.name, b.name], ...rows], [NAME, half, half])
}

function listText(): string {
  const rows = recipes.map(({ name, title }) => [name, title])
  return columns(rows, [NAME, COLUMNS - NAME - 2])
}

interface Arguments extends Given {
  readonly name: string | undefined
}

async function readArguments(): Promise<Arguments> {
  const recipe = await command(
    'recipe',
    'Lists the recipes, prints one, or the differences between two. A recipe is how a published net was ' +
      'trained and tested; train --recipe NAME runs it.'
  )
  recipe
    .usage('[name] [options]')
    .argument('[name]', 'recipe to print')
    .option('--diff <other>', 'print its differences from another')
    .option('--ablate <names>', `without parts of it: ${ablationNames.join(', ')}`)
    .option('--json', jsonHelp)
  const given = await parse<Given>(recipe)
  const [name] = recipe.args
  if (name === undefined && (given.diff ?? given.ablate)) {
    throw new UsageError('alexnode recipe: expected the name of a recipe.')
  }
  return { ...given, name }
}

/** @throws UsageError if there is no such recipe */
function findRecipe(name: string, without?: readonly string[]): Recipe {
  try {
    return recipeByName(name, without)
  } catch (error) {
    throw new UsageError(messageOf(error), { cause: error })
  }
}

/** The result, as an object and as text. */
interface Result {
  readonly object: object
  readonly text: string
}

function resultOf({ name, diff, ablate }: Arguments): Result {
  if (name === undefined) {
    return {
      object: { recipes: recipes.map(({ name, title }) => ({ name, title })) },
      text: listText()
    }
  }
  const one = findRecipe(name, ablate === undefined ? [] : ablationsIn(ablate))
  if (diff === undefined) return { object: jsonOf(one), text: recipeText(one) }
  const other = findRecipe(diff)
  const object = { a: one.name, b: other.name, differences: differences(one, other) }
  return { object, text: differenceText(one, other) }
}

await program(async () => {
  const given = await readArguments()
  const { object, text } = resultOf(given)
  if (given.json) printJson(object)
  else print(text)
})
