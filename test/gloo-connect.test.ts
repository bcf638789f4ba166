// A process whose peer is lost while the two connect gets an error, and does not end.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { gloo } from './ranks.ts'

t.test('a connection that is reset before it is taken', { skip: gloo }, async (t) => {
  const child = spawn(process.execPath, ['--import', 'tsx', 'test/gloo-child.ts'], {
    env: { ...process.env, NODE_OPTIONS: '' }
  })
  t.teardown(() => child.kill('SIGKILL'))
  let out = ''
  child.stdout.on('data', (text) => {
    out += String(text)
  })
  while (!out.includes('port'))
    await Promise.race([once(child.stdout, 'data'), once(child, 'close')])
  const ended = once(child, 'close')
  // While it stands still, the kernel takes the connection for it, and its end.
  child.kill('SIGSTOP')
  const socket = connect(Number(/port (\d+)/.exec(out)?.[1]), '127.0.0.1')
  await once(socket, 'connect')
  socket.resetAndDestroy()
  await sleep(100)
  child.kill('SIGCONT')
  await sleep(100)
  child.stdin.end('go\n')
  t.strictSame(await ended, [0, null])
  t.match(out, /error: \[group\] rank 0 cannot connect to rank 1: /)
})
