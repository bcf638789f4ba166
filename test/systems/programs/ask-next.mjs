// Starts `next start`, asks its route once, prints the answer and ends the server.
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const free = createServer().listen(0, '127.0.0.1')
await new Promise((done) => free.on('listening', done))
const { port } = free.address()
await new Promise((done) => free.close(done))

const args = ['node_modules/next/dist/bin/next', 'start', '-H', '127.0.0.1', '-p', `${port}`]
const server = spawn(process.execPath, args, { stdio: ['ignore', 2, 2] })
try {
  let answer
  for (let tries = 0; !answer && tries < 100; tries++) {
    await sleep(200)
    answer = await fetch(`http://127.0.0.1:${port}/train`).catch(() => undefined)
  }
  console.log(await answer?.text())
} finally {
  server.kill()
}
