/** Loads the addon of the package folder it is told, and says as JSON what came of it. */
import { AddonError } from '../lib/addon/error.ts'
import { loadAddon } from '../lib/addon/load.ts'

const [root = ''] = process.argv.slice(2)
try {
  loadAddon(root)
  console.log(JSON.stringify({ loaded: true }))
} catch (error) {
  if (!(error instanceof AddonError)) throw error
  const { message, problem, file } = error
  console.log(JSON.stringify({ loaded: false, message, problem, file }))
}
