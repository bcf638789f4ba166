/** Reads the command line of `alexnode serve`. */
import { availableParallelism } from 'node:os'
import type { ResizeFilter } from '../../data/dataset.ts'
import type { FloatDType } from '../../native/dtype.ts'
import { command, parse } from '../shared/command.ts'
import { addDeviceOptions, type DeviceArguments } from '../shared/device-options.ts'
import { numberParsers } from '../shared/numbers.ts'
import { dtypeOption, filterOption } from '../shared/options.ts'

interface Given extends DeviceArguments {
  readonly dtype?: FloatDType
  readonly weights?: string
  readonly host?: string
  readonly port?: number
  readonly workers?: number
  readonly batch?: number
  readonly wait?: number
  readonly top?: number
  readonly queue?: number
  readonly maxMb?: number
  readonly timeout?: number
  readonly resizeFilter?: ResizeFilter
}

/** Its defaults. */
const defaults = {
  host: '127.0.0.1',
  port: 8000,
  batch: 16,
  wait: 5,
  top: 5,
  queue: 128,
  maxMb: 10,
  timeout: 10
}
/** Threads of Node's pool, which decodes. */
const POOL = 4

export type ServeArguments = Omit<Given, keyof typeof defaults | 'workers'> &
  typeof defaults & { readonly run: string; readonly workers: number }

/** @throws UsageError */
export async function serveArguments(args?: readonly string[]): Promise<ServeArguments> {
  const { whole, range } = await numberParsers()
  const workers = Math.min(POOL, availableParallelism())
  const serve = await command(
    'serve',
    'Classifies pictures over HTTP with a trained net. POST /predict takes the bytes of a JPEG, PNG or ' +
      'WebP, as the body or as a file of a form, and answers with classes as JSON (?top=3). GET / is a ' +
      'page to drop pictures on; /healthz and /metrics are for monitoring. SIGTERM and Ctrl-C accept ' +
      'no more, answer what was accepted, and end it with 0.'
  )
  serve
    .usage('RUN [options]')
    .argument('<run>', "the run's folder, or its weights.safetensors")
    .option('--host <name>', `address to listen on (${defaults.host}: this machine alone)`)
    .option('--port <n>', `port; 0: a free one (${defaults.port})`, whole(0, 65535))
    .option('--batch <n>', `most pictures in a batch (${defaults.batch})`, whole(1))
    .option('--wait <ms>', `longest wait for a batch to fill (${defaults.wait})`, range(0, 60_000))
    .option('--workers <n>', `pictures decoded at once (${workers})`, whole(1, 128))
    .option('--queue <n>', `pictures accepted at a time, else 429 (${defaults.queue})`, whole(1))
    .option('--max-mb <n>', `largest picture in MB, else 413 (${defaults.maxMb})`, whole(1, 256))
    .option(
      '--timeout <s>',
      `longest time for a body, else 408 (${defaults.timeout})`,
      range(0.05, 3600)
    )
    .option('--top <n>', `classes of an answer (${defaults.top})`, whole(1))
    .option('--weights <which>', 'weights of the run: final, best, newest or a step (final)')
    .addOption(await filterOption("the run's"))
    .addOption(await dtypeOption())
  const given = await parse<Given>(await addDeviceOptions(serve), args)
  const [run = ''] = serve.args
  return { workers, ...defaults, ...given, run }
}
