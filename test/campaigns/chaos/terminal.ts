/** A terminal that is closed while a run goes on: SIGHUP comes, and what is printed is refused. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Case } from './cases.ts'
import { program } from './launch.ts'
import type { Subject } from './subject.ts'

/**
 * Runs a program on a terminal, closes that once a text came, and prints how the program ended, the milliseconds that it
 * took, and those that its threads waited for a processor (see waited.ts).
 */
const PYTHON = `
import glob, os, pty, sys, time
def waited():
  try:
    return sum(int(open(f).read().split()[1]) for f in glob.glob(f'/proc/{pid}/task/*/schedstat')) / 1e6
  except OSError:
    return 0
pid, fd = pty.fork()
if pid == 0:
  os.execv(sys.argv[2], sys.argv[2:])
seen = b''
while sys.argv[1].encode() not in seen:
  seen += os.read(fd, 4096)
begun, before = time.time(), waited()
os.close(fd)
late, ended = before, 0
while ended == 0:
  late = max(late, waited())
  time.sleep(.02)
  ended, status = os.waitpid(pid, os.WNOHANG)
print(os.waitstatus_to_exitcode(status), round(1000 * (time.time() - begun) - (late - before)))
`

export function terminalCases(subject: Subject, folder: string): Case[] {
  if (spawnSync('python3', ['-c', 'import pty']).status !== 0) return []
  // What `train` says at its begin, in its midst and near its end, and nothing else of it: not the folder's name.
  const texts = { Device: 'Device', step: 'step 1/', validation: 'in validation' }
  return Object.entries(texts).map(([name, text], i) => ({
    part: 'signals',
    name: `train, its terminal closed at '${name}'`,
    async run() {
      const out = join(folder, `${i}`)
      const args = ['-c', PYTHON, text, process.execPath, program, ...subject.args(out)]
      const child = spawn('python3', args, { stdio: ['ignore', 'pipe', 'inherit'] })
      let said = ''
      child.stdout.setEncoding('utf8').on('data', (more) => {
        said += more
      })
      await once(child, 'close')
      const [code = '', milliseconds = ''] = said.trim().split(' ')
      if (!['129', '141', '-1', '0'].includes(code)) throw new Error(`ended with ${code}`)
      if (Number(milliseconds) > 2000) throw new Error(`took ${milliseconds} ms`)
      // What was trained by then is kept.
      const kept = readdirSync(out).some((name) => name.startsWith('checkpoint-'))
      if (name !== 'Device' && !kept) throw new Error('expected a checkpoint, got none')
      await subject.finish(out)
      return { 'ended by the signal': 1, milliseconds: Number(milliseconds) }
    }
  }))
}
