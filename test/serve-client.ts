/** A server under test, and requests to it. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { Running } from './programs.ts'

/** `alexnode serve` as a process, on a free port. */
export class Served {
  readonly running: Running
  readonly url: string
  readonly port: number

  private constructor(running: Running, url: string) {
    this.running = running
    this.url = url
    this.port = Number(new URL(url).port)
  }

  static async start(run: string, ...args: readonly string[]): Promise<Served> {
    const all = ['serve', run, '--port', '0', '--threads', '1', ...args]
    const running = new Running('lib/cli/main.ts', all)
    const [, url = ''] = await running.says(/at (http:\S+\/)/)
    return new Served(running, url)
  }

  /** Ends it as a service manager does. */
  end() {
    this.running.process.kill('SIGTERM')
    return this.running.ended
  }

  post(body: Uint8Array | FormData | string, type?: string, path = 'predict'): Promise<Response> {
    const headers = { ...(type !== undefined && { 'content-type': type }) }
    return fetch(new URL(path, this.url), { method: 'POST', body, headers })
  }

  /** A value of /metrics. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(new URL('metrics', this.url))).text()
    const line = text.split('\n').find((line) => line.startsWith(`${name} `))
    return line === undefined ? Number.NaN : Number(line.slice(name.length))
  }
}

/** Sends bytes as they are, and gives all that comes until the server closes. */
export async function raw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let got = ''
  socket.setEncoding('latin1').on('data', (piece: string) => {
    got += piece
  })
  socket.on('error', () => {})
  socket.write(text)
  await once(socket, 'close')
  return got
}

/** A form with one file. */
export function form(bytes: Uint8Array, name = 'cat.jpg'): FormData {
  const made = new FormData()
  made.append('picture', new Blob([new Uint8Array(bytes)]), name)
  return made
}
