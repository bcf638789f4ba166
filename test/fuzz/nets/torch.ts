/** A process of PyTorch that trains many nets, one after the other. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import {
  readSafetensors,
  type TensorData,
  type Tensors,
  writeSafetensors
} from '../../../lib/util/files/safetensors.ts'
import { python } from '../../pytorch/run.ts'

/** A result by name: exact, and how far rounding to the dtype alone takes it. */
export interface Expected {
  readonly exact: Float32Array
  readonly off: Float32Array
}

/** What PyTorch found. */
export interface Answer {
  readonly expected: ReadonlyMap<string, Expected>
  /** The least distance of a unit from a kink, in deviations of its layer. */
  readonly nearest: number
}

const floats = ({ data }: TensorData) =>
  new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4)

/** Runs test/fuzz/nets/nets.py. */
export class Torch {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #lines: Interface
  readonly #folder: string
  #said = ''

  private constructor(child: ChildProcessWithoutNullStreams, folder: string) {
    this.#child = child
    this.#folder = folder
    this.#lines = createInterface({ input: child.stdout })
    child.stderr.on('data', (text: Buffer) => {
      this.#said = (this.#said + text).slice(-2000)
    })
  }

  static async open(): Promise<Torch> {
    if (!python) throw new Error('[fuzz] expected PyTorch, got none')
    const folder = await mkdtemp(join(tmpdir(), 'alexnode-nets-'))
    const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' }
    return new Torch(spawn(python, [join(import.meta.dirname, 'nets.py')], { env }), folder)
  }

  /** Evaluates and trains one net. */
  async run(tensors: Tensors, options: object): Promise<Answer> {
    const request = join(this.#folder, 'request.safetensors')
    await rm(request, { force: true })
    await writeSafetensors(request, tensors, { options: JSON.stringify(options) })
    await this.#turn()
    const answer = await readSafetensors(join(this.#folder, 'answer.safetensors'))
    const expected = new Map<string, Expected>()
    for (const [name, tensor] of Object.entries(answer.tensors)) {
      const off = answer.tensors[name.replace('exact/', 'off/')]
      if (!name.startsWith('exact/') || !off) continue
      expected.set(name.slice('exact/'.length), { exact: floats(tensor), off: floats(off) })
    }
    const { nearest } = answer.tensors
    return { expected, nearest: nearest ? (floats(nearest)[0] ?? 0) : 0 }
  }

  /** Hands over the folder, and waits for the answer. */
  #turn(): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (ended?: Error) => {
        this.#lines.off('line', onLine)
        this.#child.off('close', onClose)
        if (ended) reject(ended)
        else resolve()
      }
      const onLine = () => finish()
      const onClose = () => finish(new Error(`[fuzz] PyTorch ended: ${this.#said}`))
      this.#lines.once('line', onLine)
      this.#child.once('close', onClose)
      this.#child.stdin.write(`${this.#folder}\n`)
    })
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#child.once('close', resolve))
    this.#child.stdin.end()
    await closed
    await rm(this.#folder, { recursive: true, force: true })
  }
}
