/** Reads the first bytes of a connection, whose number is known, within a time limit. */
import type { Socket } from 'node:net'

/**
 * Reads so many bytes; what comes after them stays in the socket.
 * @throws Error if the connection ends, or the time is over
 */
export function readExactly(socket: Socket, bytes: number, ms: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const done = () => {
      clearTimeout(timer)
      socket.off('readable', read)
      socket.off('end', end)
      socket.off('close', end)
      socket.off('error', fail)
    }
    const fail = (error: Error) => {
      done()
      reject(error)
    }
    const end = () => fail(new Error('the connection was closed'))
    const read = () => {
      const all: unknown = socket.read(bytes)
      if (!Buffer.isBuffer(all) || all.length < bytes) return
      done()
      resolve(all)
    }
    const timer = setTimeout(() => fail(new Error('it says nothing')), ms)
    socket.on('readable', read)
    socket.on('end', end)
    socket.on('close', end)
    socket.on('error', fail)
    read()
  })
}
