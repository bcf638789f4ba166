/** Addresses that only processes of the same machine reach. */

/** True for a loopback address, and for `localhost`. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|::1|::ffff:127(?:\.\d{1,3}){3})$/i.test(host)
}
