/** A parsed device name; see `open`. */
export interface DeviceName {
  readonly kind: 'cpu' | 'cuda'
  /** Number of the GPU, or of a device on the CPU. */
  readonly ordinal: number
  /** Number of the device on its GPU. */
  readonly share: number
}

/**
 * Parses a device name.
 * @throws Error for any other text
 */
export function parseDeviceName(name: string): DeviceName {
  const found =
    /^(?<kind>cpu|cuda)(?::(?<ordinal>\d{1,2}))?(?:#(?<share>\d{1,2}))?$/.exec(name)?.groups ?? {}
  const { kind, ordinal = 0, share = 0 } = found
  const cpu = kind === 'cpu' && found.share === undefined
  const cuda = kind === 'cuda' && (found.share === undefined || found.ordinal !== undefined)
  if (!cpu && !cuda) {
    throw new Error(
      `[device] there is no device '${name}': expected cpu, cpu:0, cpu:1, …, or cuda, cuda:0, cuda:1, …, ` +
        'cuda:0#1, …'
    )
  }
  return { kind: cpu ? 'cpu' : 'cuda', ordinal: Number(ordinal), share: Number(share) }
}
