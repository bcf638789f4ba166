/** The commands of `alexnode`. */
export const commandNames = [
  'train',
  'launch',
  'prepare',
  'recipe',
  'evaluate',
  'predict',
  'serve',
  'features',
  'similar',
  'filters',
  'plot',
  'export',
  'show-batch',
  'summary',
  'bench',
  'doctor',
  'build',
  'selftest'
] as const

export type CommandName = (typeof commandNames)[number]

export function isCommand(name: string): name is CommandName {
  return commandNames.some((one) => one === name)
}
