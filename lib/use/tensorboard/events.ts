/**
 * The messages of TensorBoard's event files.
 * Source: tensorboard/compat/proto/{event,summary,tensor}.proto, tensorboard/plugins/hparams/*.proto
 */
import type { Encoded, MessageWriter, StartMessage } from '../../util/files/protobuf-writer.ts'
import type { Histogram } from './histogram.ts'

/** How TensorBoard treats the values of a tag: the enum `DataClass`. */
const TENSOR = 2
const BLOBS = 3

const DT_FLOAT = 1
const DT_STRING = 7

const STARTED = 1

/** A picture as PNG. */
export interface Png {
  readonly bytes: Uint8Array
  readonly height: number
  readonly width: number
}

/** How a run ended. */
export type Ending = 'success' | 'failure'

/** Encodes events; they get the time of the call. */
export class Events {
  readonly #start: StartMessage
  /** Seconds since 1970. */
  readonly #now: () => number

  constructor(start: StartMessage, now = () => Date.now() / 1000) {
    this.#start = start
    this.#now = now
  }

  #event(step: number, add: (event: MessageWriter) => MessageWriter): Encoded {
    return add(this.#start().double(1, this.#now()).integer(2, step)).end()
  }

  /** The first event of each file. */
  version(): Encoded {
    return this.#event(0, (event) => event.text(3, 'brain.Event:2'))
  }

  /** Readers forget what earlier files say of this step and later ones. */
  restart(step: number): Encoded {
    const log = this.#start().integer(1, STARTED).end()
    return this.#event(step, (event) => event.message(7, log))
  }

  /** @param definition a `GraphDef` */
  graph(definition: Encoded): Encoded {
    return this.#event(0, (event) => event.message(4, definition))
  }

  /** An event of several values, each made by another method. */
  summary(step: number, values: readonly Encoded[]): Encoded {
    const summary = this.#start()
    for (const value of values) summary.message(1, value)
    return this.#event(step, (event) => event.message(5, summary.end()))
  }

  scalar(tag: string, value: number): Encoded {
    return this.#start().text(1, tag).float(2, value).end()
  }

  histogram(tag: string, of: Histogram): Encoded {
    const { min, max, count, sum, sumOfSquares, limits, counts } = of
    const message = this.#start()
    for (const [i, value] of [min, max, count, sum, sumOfSquares].entries()) {
      message.double(i + 1, value)
    }
    const histogram = message.doubles(6, limits).doubles(7, counts).end()
    return this.#start().text(1, tag).message(5, histogram).end()
  }

  /** Pictures of one size, shown side by side. */
  images(tag: string, pictures: readonly Png[]): Encoded {
    const [first] = pictures
    const size = [first?.width ?? 0, first?.height ?? 0].map((n) => Buffer.from(String(n)))
    const texts = [...size, ...pictures.map(({ bytes }) => bytes)]
    return this.#ofPlugin(tag, 'images', BLOBS, this.#strings(texts, [texts.length]))
  }

  /** @param markdown without raw text of others: see `escaped` */
  text(tag: string, markdown: string): Encoded {
    const tensor = this.#strings([Buffer.from(markdown)], [])
    return this.#ofPlugin(tag, 'text', TENSOR, tensor)
  }

  /** The run's settings, for the table of hyper-parameters. */
  settings(values: Readonly<Record<string, string | number | boolean>>): Encoded {
    const info = this.#start()
    for (const [name, value] of Object.entries(values)) {
      info.message(1, this.#start().text(1, name).message(2, this.#value(value)).end())
    }
    const started = info.double(5, this.#now()).end()
    return this.#hparams('_hparams_/session_start_info', 3, started)
  }

  ended(ending: Ending): Encoded {
    const info = this.#start().integer(1, ending === 'success' ? 1 : 2)
    const ended = info.double(2, this.#now()).end()
    return this.#hparams('_hparams_/session_end_info', 4, ended)
  }

  /** `google.protobuf.Value` */
  #value(value: string | number | boolean): Encoded {
    const message = this.#start()
    if (typeof value === 'number') return message.double(2, value).end()
    if (typeof value === 'boolean') return message.integer(4, value ? 1 : 0).end()
    return message.text(3, value).end()
  }

  #hparams(tag: string, field: number, message: Encoded): Encoded {
    const content = this.#start().message(field, message).end()
    const nothing = this.#start()
      .integer(1, DT_FLOAT)
      .message(2, this.#shape([0]))
      .end()
    return this.#ofPlugin(tag, 'hparams', TENSOR, nothing, content)
  }

  #ofPlugin(tag: string, name: string, kind: number, tensor: Encoded, content?: Encoded): Encoded {
    const plugin = this.#start().text(1, name)
    if (content) plugin.message(2, content)
    const metadata = this.#start().message(1, plugin.end()).integer(4, kind).end()
    return this.#start().text(1, tag).message(8, tensor).message(9, metadata).end()
  }

  #strings(values: readonly Uint8Array[], dims: readonly number[]): Encoded {
    const tensor = this.#start().integer(1, DT_STRING).message(2, this.#shape(dims))
    for (const value of values) tensor.bytes(8, value)
    return tensor.end()
  }

  #shape(dims: readonly number[]): Encoded {
    const shape = this.#start()
    for (const dim of dims) shape.message(2, this.#start().integer(1, dim).end())
    return shape.end()
  }
}

/** Text of others in Markdown, so that nothing in it is taken for markup. */
export function escaped(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N} ]/gu, (one) => `&#${one.codePointAt(0)};`)
}
