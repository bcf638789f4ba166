/**
 * The doctor's child process. It loads the addon and NVIDIA's libraries, any of which may crash or hang it. It
 * announces each act on file descriptor 3, so that its parent knows what ended it. Its argument is JSON: the files
 * that it must not open, with the reason.
 */
import { writeSync } from 'node:fs'
import { AddonError } from '../native/addon/error.ts'
import { findAddon } from '../native/addon/load.ts'
import { packageRoot } from '../native/addon/package-root.ts'
import { ADDON, type Message } from './message.ts'

const send = (message: Message) => writeSync(3, `${JSON.stringify(message)}\n`)

/** Loads the addon, or sends why it does not load. */
async function load() {
  try {
    const addon = findAddon(packageRoot())
    send({ addon })
    send({ step: { file: ADDON, what: 'open', path: addon.file } })
    const { native, cpuInfo } = await import('../native/binding.ts')
    send({ cpu: cpuInfo })
    return native
  } catch (error) {
    if (error instanceof AddonError) {
      const text = error.message.replace(`\n${error.mend}`, '').replace(/^\[alexnode\] /, '')
      send({ failed: { error: text, remedy: error.mend } })
    } else send({ failed: { error: error instanceof Error ? error.message : String(error) } })
    return undefined
  }
}

const native = await load()
if (native && process.platform === 'linux') {
  const refused: Record<string, string> = JSON.parse(process.argv[2] ?? '{}')
  const report = native.probeCuda(refused, (file, what, path) => {
    send({ step: { file, what, path } })
  })
  send({ cuda: report })
}
