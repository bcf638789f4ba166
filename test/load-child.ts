/**
 * Loads the addon of the package folder it is told, and says as JSON what came of it and of GOMP_SPINCOUNT. With a
 * second argument only the file is loaded, in a worker thread.
 */
import { Worker } from 'node:worker_threads'
import { AddonError } from '../lib/native/addon/error.ts'
import { findAddon, loadAddon } from '../lib/native/addon/load.ts'

const [root = '', inWorker] = process.argv.slice(2)
try {
  if (inWorker) {
    const load = `require(process.argv[2]); console.log(JSON.stringify({ loaded: true, spins: process.env.GOMP_SPINCOUNT }))`
    new Worker(load, { eval: true, argv: [findAddon(root).file] })
  } else {
    loadAddon(root)
    console.log(JSON.stringify({ loaded: true, spins: process.env.GOMP_SPINCOUNT }))
  }
} catch (error) {
  if (!(error instanceof AddonError)) throw error
  const { message, problem, file } = error
  console.log(JSON.stringify({ loaded: false, message, problem, file }))
}
