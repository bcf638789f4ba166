/** `alexnode serve`: classifies pictures over HTTP. */
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { loadSharp } from '../data/photos/sharp.ts'
import { Classifier } from '../use/answering/classifier.ts'
import { foreign } from '../util/foreign.ts'
import { serveArguments } from './serve/arguments.ts'
import { Listening } from './serve/server.ts'
import { Service } from './serve/service.ts'
import { complain, print } from './shared/output.ts'
import { printError, program, UsageError } from './shared/program.ts'
import { wrapped } from './shared/text.ts'
import { openFor } from './shared/trained.ts'

const WEIGHTS = 'weights.safetensors'
const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|::1)$/
/** Connections beside those of accepted pictures. */
const MORE_CONNECTIONS = 64

/** A run's folder, which its file of weights names, too. */
async function folderOf(run: string): Promise<string> {
  const isFile = (await stat(run).catch(() => undefined))?.isFile() ?? false
  if (!isFile) return run
  if (basename(run) === WEIGHTS) return dirname(run)
  throw new UsageError(
    `alexnode serve: expected a run's folder or the ${WEIGHTS} in it, got the file ${foreign(run)}: ` +
      'class names and the size of pictures are in the folder of a run'
  )
}

await program(
  async (signal, saving) => {
    const given = await serveArguments()
    const { host, port, batch, queue, workers, top } = given
    await loadSharp() // which is optional, and needed by every request
    await using opened = await openFor(given)
    const trained = await opened.net(await folderOf(given.run), { batch })
    await using classifier = await Classifier.open(trained)
    const { facts, classes } = trained
    const { resizeFilter: filter } = given
    const timeoutMs = Math.ceil(given.timeout * 1000)
    const service = new Service(classifier, {
      classes,
      form: { ...facts.data, ...(filter && { filter }) },
      top,
      queue,
      workers,
      waitMs: given.wait,
      maxBytes: given.maxMb * 1e6,
      timeoutMs,
      onError: printError
    })
    signal.throwIfAborted()
    const maxConnections = 2 * queue + MORE_CONNECTIONS
    const listening = await Listening.open(service, { host, port, timeoutMs, maxConnections })
    const shown = host.includes(':') ? `[${host}]` : host
    if (!LOOPBACK.test(host)) {
      complain(
        wrapped(
          `Whoever reaches ${foreign(shown)} can send pictures: there is no password and no encryption. ` +
            'Put a proxy in front that has both, or leave --host out.'
        )
      )
    }
    print(`Serving ${foreign(given.run)} at http://${foreign(shown)}:${listening.port}/`)
    if (!signal.aborted) await once(signal, 'abort')
    await saving(() => listening.close())
  },
  { isService: true }
)
