/** What the test of examples/browser needs: Chromium, onnxruntime-web, and a server of files. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, resolve } from 'node:path'
import { promisify } from 'node:util'

const root = resolve(import.meta.dirname, '..')
const ONNXRUNTIME = 'onnxruntime-web@1.30.0'
const folder = join(root, 'build/browser')
const runtime = join(folder, 'node_modules/onnxruntime-web/dist')

/** A browser of the system, or that of the variable CHROMIUM. */
export function findChromium(): string | undefined {
  const usual = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
  return [process.env.CHROMIUM ?? '', ...usual].find((path) => path !== '' && existsSync(path))
}

/**
 * The folder of onnxruntime-web, which is installed where it is missing: 150 MB.
 * @returns why there is none
 */
export async function onnxruntimeWeb(): Promise<{ folder: string } | { missing: string }> {
  if (existsSync(join(runtime, 'ort.wasm.min.mjs'))) return { folder: runtime }
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), '{ "private": true }\n')
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
  const install = promisify(execFile)('npm', ['install', ...options, ONNXRUNTIME], { cwd: folder })
  return install.then(
    () => ({ folder: runtime }),
    () => ({ missing: `${ONNXRUNTIME} cannot be installed` })
  )
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm'
}

/** Serves files of these folders, by the beginnings of their paths. */
export async function serve(
  folders: Readonly<Record<string, string>>
): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    const place = Object.entries(folders).find(([begin]) => path.startsWith(begin))
    const file = place && join(place[1], path.slice(place[0].length))
    readFile(file ?? '').then(
      (bytes) => {
        const type = TYPES[extname(path)] ?? 'application/octet-stream'
        response.writeHead(200, { 'content-type': type }).end(bytes)
      },
      () => response.writeHead(404).end()
    )
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, server }
}
