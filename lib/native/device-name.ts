/** What devices are called: see `open`. */

export interface DeviceName {
  readonly kind: 'cpu' | 'cuda'
  /** Which CPU that programs speak of, or which GPU of the machine. */
  readonly ordinal: number
  /** Which of the devices that share one GPU. */
  readonly share: number
}

/** @throws Error for what is no device's name */
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
