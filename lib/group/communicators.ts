/** The connections by which the GPUs of a group's processes sum and send tensors: NCCL's, one for each GPU. */
import type { Device } from '../engine/device.ts'
import { native, settled } from '../native/binding.ts'
import { GroupError } from './errors.ts'

export interface CommunicatorsOptions {
  readonly rank: number
  readonly size: number
  /** Names of the machines, by rank. */
  readonly hosts: readonly string[]
  /** Seconds that ranks may take to come, and a collective to end. */
  readonly timeout: number
  /** A call that gives bytes to all ranks, and gets those of all; claimed in the same order on all ranks. */
  readonly joining: (what: string) => (bytes: Uint8Array) => Promise<readonly Uint8Array[]>
}

/** What a rank says of the device that it brings. */
interface Brought {
  readonly uuid: string
  readonly name: string
  readonly nccl: string
  /** Why it cannot take part, or empty. */
  readonly lack: string
  /** Which connection the ranks made with this GPU before; -1: none. */
  readonly before: number
}

/** A GPU's connection with those of the other ranks. */
interface Connection {
  readonly handle: number
  readonly uuid: string
  /** The same number on all ranks. */
  readonly serial: number
}

/** A process's connections between its GPUs and those of the other ranks. */
export class Communicators {
  readonly #options: CommunicatorsOptions
  readonly #open: Connection[] = []
  #serials = 0

  constructor(options: CommunicatorsOptions) {
    this.#options = options
  }

  /**
   * Connects a GPU with one of each other rank; GPUs that were connected before stay so.
   * @returns what ops call the connection
   * @throws GroupError on all ranks where two bring the same GPU, or one lacks NCCL
   */
  async connect(device: Device): Promise<number> {
    const { joining } = this.#options
    const join = joining('GPUs')
    const joinId = joining("NCCL's id")
    const { uuid = '', versions = {} } = device.gpu ?? {}
    const lack = device.gpu ? native.lackOfNccl(device.id) : `${device.name} is no GPU`
    const before = this.#open.findLast((one) => one.uuid === uuid)
    const own: Brought = {
      uuid,
      name: device.name,
      nccl: versions.nccl ?? '?',
      lack,
      before: before?.serial ?? -1
    }
    const all = (await join(Buffer.from(JSON.stringify(own)))).map(
      (bytes): Brought => JSON.parse(Buffer.from(bytes).toString())
    )
    this.#check(all)
    if (before && all.every((one) => one.before === before.serial)) {
      return native.communicatorNumber(before.handle)
    }
    return await this.#connect(device, uuid, joinId)
  }

  /** @throws GroupError for ranks that cannot be connected */
  #check(all: readonly Brought[]): void {
    const which = (rank: number) => `rank ${rank} on ${this.#options.hosts[rank] ?? 'its machine'}`
    for (const [rank, { uuid, name }] of all.entries()) {
      const first = all.findIndex((one) => one.uuid === uuid)
      if (first === rank) continue
      throw new GroupError(
        `[group] expected a GPU of its own for each rank, got one for two: ${name} of ${which(rank)} is ` +
          `${all[first]?.name} of ${which(first)}, and NCCL does not connect a GPU with itself: ` +
          'start no more ranks on a machine than it has GPUs, and give each another one, by --device cuda:N'
      )
    }
    const lacking = all.findIndex(({ lack }) => lack !== '')
    if (lacking >= 0) throw new GroupError(`${all[lacking]?.lack} (${which(lacking)})`)
    const versions = new Set(all.map(({ nccl }) => nccl.split('.').slice(0, 2).join('.')))
    if (versions.size > 1) {
      const list = all.map(({ nccl }, rank) => `${nccl} on rank ${rank}`).join(', ')
      throw new GroupError(
        `[group] expected the same version of NCCL on all ranks, got ${list}: install the same one`
      )
    }
  }

  async #connect(
    device: Device,
    uuid: string,
    joinId: (bytes: Uint8Array) => Promise<readonly Uint8Array[]>
  ): Promise<number> {
    const { rank, size, timeout } = this.#options
    const own = rank === 0 ? await idOf(device) : {}
    const [first = new Uint8Array(0)] = await joinId(Buffer.from(JSON.stringify(own)))
    const { id, error }: { id?: string; error?: string } = JSON.parse(Buffer.from(first).toString())
    if (id === undefined) throw new GroupError(error ?? '[group] rank 0 gave no id')
    let handle = 0
    const opened = settled<void>((ticket) => {
      const milliseconds = Math.ceil(timeout * 1000)
      const bytes = Uint8Array.from(Buffer.from(id, 'hex'))
      handle = native.openCommunicator(device.id, ticket, rank, size, bytes, milliseconds)
    })
    // From now on it can be aborted.
    if (handle) this.#open.push({ handle, uuid, serial: this.#serials++ })
    await opened
    return native.communicatorNumber(handle)
  }

  /** Ends all collectives that wait for other ranks, with an error. */
  abort(): void {
    for (const { handle } of this.#open) native.abortCommunicator(handle)
  }

  /** Why one of them ended; empty: all are well. */
  get failure(): string {
    const failures = this.#open.map(({ handle }) => native.communicatorFailure(handle))
    return failures.find((why) => why !== '') ?? ''
  }

  /** Takes leave of the other ranks. What nets that are open still use is given back with them. */
  async close(): Promise<void> {
    const open = this.#open.splice(0)
    await Promise.all(
      open.map(({ handle }) => settled<void>((ticket) => native.closeCommunicator(handle, ticket)))
    )
  }
}

/** A new unique id, or why there is none: all ranks are told. */
async function idOf(device: Device): Promise<{ id?: string; error?: string }> {
  try {
    const id = await settled<ArrayBuffer>((ticket) => native.ncclId(device.id, ticket))
    return { id: Buffer.from(id).toString('hex') }
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}
