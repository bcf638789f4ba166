/**
 * A process that awaits another by Gloo, for tests: it prints the port, then, told by a line of its input, whether the
 * connection was made.
 */
import { once } from 'node:events'
import { resolve } from 'node:path'
import { native, settled } from '../lib/native/binding.ts'

const library = resolve('build/Release/libalexnode_gloo.so')
const group = native.openGroup(library, 0, 2, '127.0.0.1', 500)
const address = native.groupAddress(group, 1)
// It begins with a sockaddr_in.
const [high = 0, low = 0] = address.subarray(2)
console.log(`port ${256 * high + low}`)
await once(process.stdin, 'data')
// Of a peer that is to connect to this process, and not the other way round: the one with the larger address does.
const other = address.slice()
other[4] = 255
await settled<void>((ticket) =>
  native.connectGroup(group, ticket, [new Uint8Array(0), other])
).then(
  () => console.log('connected'),
  (error) => console.log(`error: ${error.message}`)
)
native.abortGroup(group)
native.closeGroup(group)
process.exit()
